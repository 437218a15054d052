// Whether user space may read the counter: by trying. For a process with one thread, SIGILL not blocked.
#if defined(__aarch64__) || defined(__arm__)
#include "shims.h"

#if defined(__aarch64__)
enum { sigaction_number = 134, pc_offset = 440 };
static void read_counter(void) { __asm__ volatile("mrs x9, cntvct_el0" ::: "x9"); }
#else
enum { sigaction_number = 174, pc_offset = 92 };
static void read_counter(void) { __asm__ volatile("mrrc p15, 1, r2, r3, c14" ::: "r2", "r3"); }
#endif

struct action { uintptr_t handler, flags, restorer; uint64_t mask; };

static uint32_t is_allowed;

// The instruction that is not allowed is passed over.
static void refused(int32_t signal, void *info, void *context) {
    (void)signal;
    (void)info;
    uintptr_t *pc = (uintptr_t *)((char *)context + pc_offset);
    *pc += 4;
    __atomic_store_n(&is_allowed, 0, __ATOMIC_RELAXED);
}

uint32_t nopal_may_read_counter(void) {
    // SA_SIGINFO; every signal waits meanwhile.
    struct action probe = {(uintptr_t)refused, 4, 0, ~UINT64_C(0)}, before = {0, 0, 0, 0};
    int64_t illegal = 4;
    if (nopal_system_call(sigaction_number, illegal, (intptr_t)&probe, (intptr_t)&before, 8, 0, 0) < 0) return 1;
    __atomic_store_n(&is_allowed, 1, __ATOMIC_RELAXED);
    read_counter();
    nopal_system_call(sigaction_number, illegal, (intptr_t)&before, 0, 8, 0, 0);
    return __atomic_load_n(&is_allowed, __ATOMIC_RELAXED);
}
#endif
