// Threads that end while others record, and 1,000 short-lived ones (argv[2] = how many).
#include "count.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static long total;

TRACED long small(long n) {
    COUNT();
    return n + 1;
}
TRACED long outer(long n) {
    COUNT();
    return small(n) + small(n + 1);
}
TRACED void *short_lived(void *argument) {
    COUNT();
    __atomic_fetch_add(&total, outer((long)argument), __ATOMIC_RELAXED);
    return 0;
}
TRACED void *busy(void *argument) {
    COUNT();
    long sum = 0;
    for (long i = 0; i < (long)argument; i++) sum += outer(i);
    __atomic_fetch_add(&total, sum, __ATOMIC_RELAXED);
    return 0;
}
TRACED void *nothing_at_all(void *argument) {
    COUNT();
    return argument;
}

int main(int count, char **arguments) {
    COUNT();
    long threads = count > 2 ? atol(arguments[2]) : 1000;
    pthread_t busy_threads[4];
    for (int i = 0; i < 4; i++) pthread_create(&busy_threads[i], 0, busy, (void *)(20000l * (i + 1)));
    for (long i = 0; i < threads; i += 4) {
        pthread_t batch[4];
        for (int j = 0; j < 4; j++) pthread_create(&batch[j], 0, j == 3 ? nothing_at_all : short_lived, (void *)(i + j));
        for (int j = 0; j < 4; j++) pthread_join(batch[j], 0);
    }
    for (int i = 0; i < 4; i++) pthread_join(busy_threads[i], 0);
    pthread_t detached;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_create(&detached, &attributes, short_lived, 0);
    pthread_join(detached, 0);
    printf("%ld\n", total);
}
