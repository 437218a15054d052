// 32-bit Arm, version 7: the counter, the reservation of a slot, zeroing, cache maintenance.
#pragma once
#include "shims.h"
#if defined(__arm__)

/// 1 when user space may read CNTVCT; see `nopal_may_read_counter`.
extern uint32_t nopal_has_counter;
/// Finds the vDSO, and keeps what the counter is.
void nopal_choose_clock(uint32_t has_counter);
uint32_t nopal_may_read_counter(void);
/// CLOCK_MONOTONIC, nanoseconds, by the vDSO where there is one.
uint64_t nopal_clock(void);
/// The code of a stub's clock, where there is no counter.
uint64_t nopal_clock_thunk_address(void);

/// What the ways of libc's forking functions call: number, and the first three arguments, a register each.
uint64_t nopal_prepare_fork_address(void);

/// Nanoseconds of the clock where there is no counter to read.
static inline uint64_t nopal_ticks(void) {
    if (!nopal_has_counter) return nopal_clock();
    uint32_t low, high;
    __asm__ volatile("mrrc p15, 1, %0, %1, c14" : "=r"(low), "=r"(high)::"memory");
    return (uint64_t)high << 32 | low;
}
static inline uint64_t nopal_tick_frequency(void) {
    if (!nopal_has_counter) return 1000000000;
    uint32_t value;
    __asm__("mrc p15, 0, %0, c14, c0, 0" : "=r"(value));
    return value;
}

/// Reserves eight bytes: the lower half of the cursor is all of it. A signal between load and store makes the
/// store fail, so a handler can nest.
static inline uint64_t nopal_reserve(struct nopal_thread *t) {
    uint32_t old, next, failed;
    __asm__ volatile("1: ldrex %0, [%3]\n add %1, %0, #8\n strex %2, %1, [%3]\n cmp %2, #0\n bne 1b"
                     : "=&r"(old), "=&r"(next), "=&r"(failed)
                     : "r"(&t->cursor)
                     : "memory", "cc");
    return old;
}

static inline void nopal_zero(uint64_t address, uint64_t count) {
    volatile uint64_t *at = (volatile uint64_t *)(uintptr_t)address;
    for (uint32_t i = 0; i < (uint32_t)(count / 8); i++) at[i] = 0;
}

int64_t nopal_system_call(int64_t number, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f);

/// Only the kernel maintains caches here: cleaning does both.
/// Source: arch/arm/kernel/traps.c, cacheflush.
static inline void nopal_clean_code(uint64_t address, uint64_t count) {
    int64_t cacheFlush = 0x0f0002;
    nopal_system_call(cacheFlush, (int64_t)address, (int64_t)(address + count), 0, 0, 0, 0);
}
static inline void nopal_finish_cleaning(void) {}
static inline void nopal_invalidate_code(uint64_t address, uint64_t count) {
    (void)address;
    (void)count;
}
static inline void nopal_finish_invalidating(void) { __asm__ volatile("dsb ish\n isb" ::: "memory"); }
#endif
