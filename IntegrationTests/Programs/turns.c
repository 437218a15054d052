// Two threads make as many calls as the second argument tells, and count them: the turns in which a plan switches tracing off and on
// again. Prints the number of calls.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static int turns;

__attribute__((noinline)) int leaf(int x) {
    __asm__ volatile("");
    return x * 3;
}

__attribute__((noinline)) int turn(int count) {
    int sum = 0;
    for (int i = 0; i < count; i++) sum += leaf(i) - 3 * i;
    return sum;
}

static void *run(void *argument) {
    for (int i = 0; i < turns; i++)
        if (turn(100)) abort();
    return argument;
}

int main(int count, char **arguments) {
    turns = count > 2 ? atoi(arguments[2]) : 1;
    pthread_t thread;
    pthread_create(&thread, 0, run, 0);
    run(0);
    pthread_join(thread, 0);
    printf("%d\n", 2 * turns * 101);
}
