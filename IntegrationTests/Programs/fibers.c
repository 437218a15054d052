// swapcontext fibers on a static array, malloc'ed, mmap'ed and on an array in main's own frame;
// generators that finish in different orders, and fibers that are left unfinished.
#define _GNU_SOURCE
#include "count.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

enum { stack_bytes = 65536, fibers_max = 8 };

static ucontext_t scheduler;
static struct fiber {
    ucontext_t context;
    int value, left, is_done;
} fibers[fibers_max];
static int current;
static char static_stack[stack_bytes];

TRACED void yield_value(int value) {
    COUNT();
    fibers[current].value = value;
    int self = current;
    swapcontext(&fibers[self].context, &scheduler);
}
TRACED int square(int n) {
    COUNT();
    return n * n;
}
TRACED void generate(int n) {
    COUNT();
    if (n == 0) return;
    yield_value(square(n));
    generate(n - 1);
}
TRACED void body(void) {
    ENTER();
    int self = current;
    generate(fibers[self].left);
    fibers[self].is_done = 1;
    EXIT();
}
TRACED int resume(int index) {
    COUNT();
    current = index;
    swapcontext(&scheduler, &fibers[index].context);
    return fibers[index].value;
}
TRACED void start(int index, char *stack, int left) {
    COUNT();
    struct fiber *fiber = &fibers[index];
    *fiber = (struct fiber){.left = left};
    getcontext(&fiber->context);
    fiber->context.uc_stack.ss_sp = stack;
    fiber->context.uc_stack.ss_size = stack_bytes;
    fiber->context.uc_link = &scheduler;
    makecontext(&fiber->context, body, 0);
}

int main(void) {
    COUNT();
    char local_stack[stack_bytes], another_local[stack_bytes];
    char *mapped = mmap(0, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *stacks[6] = {static_stack, malloc(stack_bytes), mapped, local_stack, malloc(stack_bytes), another_local};
    long sum = 0;

    // Each alone, to its end.
    for (int kind = 0; kind < 6; kind++) {
        start(kind, stacks[kind], 20);
        while (!fibers[kind].is_done) sum += resume(kind);
    }
    printf("alone %ld\n", sum);

    // Interleaved; the first to begin ends last, then first.
    for (int way = 0; way < 2; way++) {
        for (int kind = 0; kind < 6; kind++) start(kind, stacks[kind], way ? 5 + 7 * kind : 50 - 7 * kind);
        int running = 6;
        while (running) {
            running = 0;
            for (int kind = 0; kind < 6; kind++) {
                int index = (kind * 5 + way) % 6;
                if (fibers[index].is_done) continue;
                sum += resume(index);
                running += !fibers[index].is_done;
            }
        }
        printf("interleaved %ld\n", sum);
    }

    // Two are left unfinished on stacks that nobody uses again: 5 generate frames, 1 yield_value
    // and 1 body stay open in each.
    start(0, stacks[0], 30);
    start(1, stacks[1], 30);
    for (int i = 0; i < 5; i++) sum += resume(0) + resume(1);
    printf("unfinished %ld\n", sum);
}
