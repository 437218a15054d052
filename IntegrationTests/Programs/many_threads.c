// Very many threads alive at once (argv[2]), each with the smallest stack, each recording.
#include "count.h"
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_barrier_t barrier;
static long total;

TRACED long small(long n) {
    COUNT();
    return n + 1;
}
TRACED void *thread(void *argument) {
    COUNT();
    pthread_barrier_wait(&barrier);
    long sum = 0;
    for (int i = 0; i < 10; i++) sum += small((long)argument);
    __atomic_fetch_add(&total, sum, __ATOMIC_RELAXED);
    return 0;
}

int main(int count, char **arguments) {
    COUNT();
    long threads = count > 2 ? atol(arguments[2]) : 1000, made = 0;
    pthread_t *ids = calloc(threads, sizeof *ids);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN);
    pthread_barrier_init(&barrier, 0, threads);
    for (; made < threads; made++)
        if (pthread_create(&ids[made], &attributes, thread, (void *)made)) {
            fprintf(stderr, "thread %ld cannot be made\n", made);
            return 1;
        }
    for (long i = 0; i < threads; i++) pthread_join(ids[i], 0);
    printf("%ld\n", total);
}
