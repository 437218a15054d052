// longjmp and siglongjmp across traced frames, also out of signal handlers on either stack.
#define _GNU_SOURCE
#include "count.h"
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static jmp_buf target;
static sigjmp_buf signal_target;

TRACED void jumper(int depth) {
    ENTER();
    if (depth == 0) longjmp(target, 7);
    jumper(depth - 1);
    EXIT();
}

TRACED int leaf(int n) {
    COUNT();
    return n * 3;
}

// The frame that setjmp was called in goes on and returns.
TRACED int catcher(int depth) {
    ENTER();
    volatile int seen = 0;
    if (setjmp(target) == 0) {
        jumper(depth);
    } else {
        UNWOUND("jumper", depth + 1);
        seen = leaf(depth);
    }
    EXIT();
    return seen;
}

TRACED void retry(void) {
    ENTER();
    volatile int tries = 0;
    setjmp(target);
    if (tries) UNWOUND("jumper", 2);
    if (++tries < 20) jumper(1);
    printf("tries %d\n", tries);
    EXIT();
}

TRACED void on_signal(int number) {
    ENTER();
    leaf(number);
    siglongjmp(signal_target, number);
}

TRACED void on_signal_that_returns(int number) {
    COUNT();
    leaf(number);
}

TRACED void raiser(int depth, int number) {
    ENTER();
    if (depth) raiser(depth - 1, number);
    else raise(number);
    EXIT();
}

TRACED int signal_catcher(int depth, int number) {
    ENTER();
    int jumped = sigsetjmp(signal_target, 1);
    if (jumped == 0) {
        raiser(depth, number);
    } else {
        UNWOUND("raiser", depth + 1);
        UNWOUND("on_signal", 1);
    }
    EXIT();
    return jumped;
}

TRACED int fault_catcher(volatile int *where) {
    ENTER();
    int jumped = sigsetjmp(signal_target, 1);
    if (jumped == 0) *where = 1;
    else UNWOUND("on_signal", 1);
    EXIT();
    return jumped;
}

int main(void) {
    COUNT();
    int sum = 0;
    for (int depth = 0; depth < 30; depth++) sum += catcher(depth);
    printf("sum %d\n", sum);
    retry();

    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGUSR1, &action, 0);
    sigaction(SIGSEGV, &action, 0);
    for (int depth = 0; depth < 10; depth++) printf("%d ", signal_catcher(depth, SIGUSR1));
    for (int i = 0; i < 10; i++) printf("%d ", fault_catcher(0));

    stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
    sigaltstack(&stack, 0);
    action.sa_flags = SA_ONSTACK;
    sigaction(SIGUSR1, &action, 0);
    sigaction(SIGSEGV, &action, 0);
    for (int depth = 0; depth < 10; depth++) printf("%d ", signal_catcher(depth, SIGUSR1));
    for (int i = 0; i < 10; i++) printf("%d ", fault_catcher(0));

    action.sa_handler = on_signal_that_returns;
    sigaction(SIGUSR1, &action, 0);
    for (int depth = 0; depth < 10; depth++) printf("%d ", signal_catcher(depth, SIGUSR1));
    puts("");
}
