// x86-64: the counter, the reservation of a slot, zeroing.
#pragma once
#include "shims.h"
#if defined(__x86_64__)

/// The agent's clock: the time stamp counter.
static inline uint64_t nopal_ticks(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/// Reserves eight bytes: one instruction, so that a signal handler can nest.
static inline uint64_t nopal_reserve(struct nopal_thread *t) {
    uint64_t step = 8;
    __asm__ volatile("xaddq %0, %1" : "+r"(step), "+m"(t->cursor)::"memory");
    return step;
}

static inline void nopal_zero(uint64_t address, uint64_t count) {
    __asm__ volatile("rep stosb" : "+D"(address), "+c"(count) : "a"(0) : "memory");
}

/// Makes a store to code visible to instruction fetch: nothing to do, whoever wrote it.
static inline void nopal_clean_code(uint64_t address, uint64_t count) {
    (void)address;
    (void)count;
}
static inline void nopal_finish_cleaning(void) {}
static inline void nopal_invalidate_code(uint64_t address, uint64_t count) {
    (void)address;
    (void)count;
}
static inline void nopal_finish_invalidating(void) {}
#endif
