// A traced call from a signal handler between any two instructions of a stub, and between any two of
// the handler's own stub, just where a block of events ends: what a timer's signal would meet once in
// many hours. The processor's trap flag gives a signal after every instruction; the handler
// counts those outside of this program's own code, and makes its call at the wanted one.
// argv[2]: how many events a block holds.
#define _GNU_SOURCE
#include "count.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

enum { places_before_end = 6, instructions = 72, waiting_threads = 3, trap_flag = 0x100 };

extern const char __executable_start, etext;

// Of this thread; a clock's word in between makes a block end one event earlier.
static long events = 1, events_per_block, steps;
// By how deep handlers are nested: the instruction to call at, and the one that comes.
static int depth, wanted[2], instruction[2];

UNTRACED static void set_stepping(int is_on) {
    unsigned long flags = __builtin_ia32_readeflags_u64();
    __builtin_ia32_writeeflags_u64(is_on ? flags | trap_flag : flags & ~(unsigned long)trap_flag);
}

TRACED void between(void) {
    COUNT();
    events += 2;
}

UNTRACED static void step(int number, siginfo_t *information, void *context) {
    (void)number, (void)information;
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    const char *at = (const char *)registers[REG_RIP];
    steps++;
    if (at >= &__executable_start && at < &etext) return;
    if (depth > 1 || instruction[depth]++ != wanted[depth]) return;
    registers[REG_EFL] &= ~trap_flag;
    depth++;
    if (depth == 1 && wanted[1] >= 0) set_stepping(1);
    between();
    set_stepping(0);
}

TRACED int leaf(int n) {
    COUNT();
    events += 2;
    return n * 3 + 1;
}

static long sum;

UNTRACED static void try_at(int place, int first, int second) {
    while (events_per_block - events % events_per_block > place + 1) sum += leaf(place);
    depth = instruction[0] = instruction[1] = 0;
    wanted[0] = first;
    wanted[1] = second;
    set_stepping(1);
    sum += leaf(first);
    set_stepping(0);
    // Over the end of the block.
    for (int i = 0; i < 2 * places_before_end; i++) sum += leaf(i);
}

// Their blocks lie beside the stepping thread's.
static pthread_barrier_t all_have_begun, may_end;

TRACED void *waiting(void *argument) {
    COUNT();
    pthread_barrier_wait(&all_have_begun);
    pthread_barrier_wait(&may_end);
    return argument;
}

int main(int count, char **arguments) {
    COUNT();
    events_per_block = count > 2 ? atol(arguments[2]) : 0;
    if (events_per_block < 1000) return 64;
    struct sigaction action = {.sa_sigaction = step, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGTRAP, &action, 0);
    pthread_barrier_init(&all_have_begun, 0, waiting_threads + 1);
    pthread_barrier_init(&may_end, 0, waiting_threads + 1);
    pthread_t threads[waiting_threads];
    for (int i = 0; i < waiting_threads; i++) pthread_create(&threads[i], 0, waiting, 0);
    pthread_barrier_wait(&all_have_begun);
    for (int place = 0; place < places_before_end; place++)
        for (int first = 0; first < instructions; first++) {
            try_at(place, first, -1);
            try_at(place, first, first);
        }
    pthread_barrier_wait(&may_end);
    for (int i = 0; i < waiting_threads; i++) pthread_join(threads[i], 0);
    puts(steps > 0 ? "stepped" : "did not step");
}
