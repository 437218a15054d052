// Threads that end by pthread_exit and by pthread_cancel, deferred and asynchronous: the frames
// that the forced unwind passes are `unwound`.
#define _GNU_SOURCE
#include "count.h"
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <unistd.h>

static sem_t ready;
static volatile long spin;

TRACED void leave(int depth) {
    COUNT_UNTIL_RETURNS();
    if (depth == 0) pthread_exit((void *)5);
    leave(depth - 1);
    RETURNS();
}
TRACED void *exits(void *argument) {
    COUNT_UNTIL_RETURNS();
    leave((int)(long)argument);
    RETURNS();
    return 0;
}
TRACED int small(int n) {
    COUNT_UNTIL_RETURNS();
    RETURNS();
    return n + 1;
}
TRACED void sleeps(int depth) {
    COUNT_UNTIL_RETURNS();
    if (depth) {
        sleeps(depth - 1);
    } else {
        sem_post(&ready);
        for (;;) pause();
    }
    RETURNS();
}
TRACED void *deferred(void *argument) {
    COUNT_UNTIL_RETURNS();
    small(1);
    sleeps((int)(long)argument);
    RETURNS();
    return 0;
}
// The only place where the asynchronous cancellation can strike is the empty loop: no cleanup of
// this frame covers that, so its caller's counts it.
TRACED void spins(void) {
    ENTER();
    sem_post(&ready);
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, 0);
    for (;;) spin++;
}
UNTRACED static void count_spins(int *frames) { UNWOUND("spins", *frames); }
TRACED void *asynchronous(void *argument) {
    COUNT_UNTIL_RETURNS();
    (void)argument;
    small(1);
    int frames __attribute__((cleanup(count_spins))) = 1;
    spins();
    RETURNS();
    return 0;
}
TRACED void cleanup(void *argument) {
    COUNT_UNTIL_RETURNS();
    small(*(int *)argument);
    RETURNS();
}
TRACED void *with_cleanup(void *argument) {
    COUNT_UNTIL_RETURNS();
    int n = 3;
    pthread_cleanup_push(cleanup, &n);
    leave((int)(long)argument);
    pthread_cleanup_pop(1);
    RETURNS();
    return 0;
}

UNTRACED static void run(const char *name, void *(*start)(void *), long argument, int cancel) {
    pthread_t thread;
    void *result = 0;
    pthread_create(&thread, 0, start, (void *)argument);
    if (cancel) {
        while (sem_wait(&ready)) {}
        pthread_cancel(thread);
    }
    pthread_join(thread, &result);
    printf("%s %ld\n", name, (long)result);
}

int main(int count, char **arguments) {
    (void)arguments;
    COUNT_UNTIL_RETURNS();
    sem_init(&ready, 0, 0);
    for (long depth = 0; depth < 8; depth++) {
        run("exits", exits, depth, 0);
        run("deferred", deferred, depth, 1);
        run("asynchronous", asynchronous, depth, 1);
        run("with_cleanup", with_cleanup, depth, 0);
    }
    // Main may leave this way too; the process then ends with its last thread.
    if (count > 2) leave(3);
    RETURNS();
    return 0;
}
