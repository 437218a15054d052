// Recursion 100,000 deep, in main's thread and in another; twice, so that the way back is whole.
#include "count.h"
#include <pthread.h>
#include <stdio.h>

// ENTER and EXIT keep the frame small: 8 MB must do for main's thread.
TRACED long deep(long n) {
    ENTER();
    long result = n == 0 ? 0 : deep(n - 1) + n;
    EXIT();
    return result;
}
long odd(long n);
TRACED long even(long n) {
    ENTER();
    long result = n == 0 ? 1 : 1 + odd(n - 1);
    EXIT();
    return result;
}
TRACED long odd(long n) {
    ENTER();
    long result = n == 0 ? 0 : 1 + even(n - 1);
    EXIT();
    return result;
}
TRACED void *thread(void *argument) {
    COUNT();
    printf("%ld %ld\n", deep((long)argument), even((long)argument));
    return 0;
}

int main(void) {
    COUNT();
    for (int i = 0; i < 2; i++) {
        printf("%ld\n", deep(100000));
        printf("%ld\n", even(100000));
    }
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 << 20);
    pthread_t id;
    pthread_create(&id, &attributes, thread, (void *)100000);
    pthread_join(id, 0);
}
