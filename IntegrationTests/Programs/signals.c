// Traced signal handlers under a 1 kHz timer while traced code runs: on the thread's own stack,
// then on a sigaltstack, then in four threads at once.
#define _GNU_SOURCE
#include "count.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

static volatile int ticks;

TRACED int in_handler(int n) {
    COUNT();
    return n + 1;
}
TRACED void handler(int number) {
    COUNT();
    (void)number;
    in_handler(1);
    in_handler(2);
    __atomic_fetch_add(&ticks, 1, __ATOMIC_RELAXED);
}
TRACED int work(int n) {
    COUNT();
    return n * 7 + 1;
}
TRACED int outer(int n) {
    COUNT();
    return work(n) + work(n + 1);
}
TRACED int until(int wanted) {
    COUNT();
    int sum = 0;
    while (ticks < wanted) sum += outer(sum);
    return sum;
}
TRACED void *thread(void *argument) {
    COUNT();
    stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
    sigaltstack(&stack, 0);
    until(*(int *)argument);
    stack_t off = {.ss_flags = SS_DISABLE};
    sigaltstack(&off, 0);
    free(stack.ss_sp);
    return 0;
}

int main(void) {
    COUNT();
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGALRM, &action, 0);
    struct itimerval each = {{0, 1000}, {0, 1000}};
    setitimer(ITIMER_REAL, &each, 0);
    until(150);
    puts("own stack");

    stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
    sigaltstack(&stack, 0);
    action.sa_flags = SA_ONSTACK;
    sigaction(SIGALRM, &action, 0);
    until(300);
    puts("other stack");

    int wanted = 500;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], 0, thread, &wanted);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], 0);
    struct itimerval none = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &none, 0);
    puts("threads");
}
