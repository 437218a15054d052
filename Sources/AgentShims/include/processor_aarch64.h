// AArch64: the counter, the reservation of a slot, zeroing, cache maintenance.
#pragma once
#include "shims.h"
#if defined(__aarch64__)

/// 1 when user space may read CNTVCT_EL0; see `nopal_may_read_counter`.
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
    uint64_t value;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(value)::"memory");
    return value;
}
static inline uint64_t nopal_tick_frequency(void) {
    if (!nopal_has_counter) return 1000000000;
    uint64_t value;
    __asm__("mrs %0, cntfrq_el0" : "=r"(value));
    return value;
}

/// Reserves eight bytes. A signal between load and store makes the store fail, so a handler can nest.
static inline uint64_t nopal_reserve(struct nopal_thread *t) {
    uint64_t old, next;
    uint32_t failed;
    __asm__ volatile("1: ldxr %0, [%3]\n add %1, %0, #8\n stxr %w2, %1, [%3]\n cbnz %w2, 1b"
                     : "=&r"(old), "=&r"(next), "=&r"(failed)
                     : "r"(&t->cursor)
                     : "memory");
    return old;
}

static inline void nopal_zero(uint64_t address, uint64_t count) {
    volatile uint64_t *at = (volatile uint64_t *)address;
    for (uint64_t i = 0; i < count / 8; i++) at[i] = 0;
}

/// Cache maintenance honours CTR_EL0: IDC (bit 28) and DIC (bit 29) say what the hardware does by itself.
/// Source: Arm ARM, B2.4.4, D7.5.
static inline uint64_t nopal_cache_type(void) {
    uint64_t value;
    __asm__("mrs %0, ctr_el0" : "=r"(value));
    return value;
}
static inline void nopal_clean_code(uint64_t address, uint64_t count) {
    uint64_t type = nopal_cache_type();
    if (type >> 28 & 1) return;
    uint64_t line = UINT64_C(4) << (type >> 16 & 15);
    for (uint64_t at = address & ~(line - 1); at < address + count; at += line)
        __asm__ volatile("dc cvau, %0" ::"r"(at) : "memory");
}
static inline void nopal_finish_cleaning(void) { __asm__ volatile("dsb ish" ::: "memory"); }
static inline void nopal_invalidate_code(uint64_t address, uint64_t count) {
    uint64_t type = nopal_cache_type();
    if (type >> 29 & 1) return;
    uint64_t line = UINT64_C(4) << (type & 15);
    for (uint64_t at = address & ~(line - 1); at < address + count; at += line)
        __asm__ volatile("ic ivau, %0" ::"r"(at) : "memory");
}
static inline void nopal_finish_invalidating(void) { __asm__ volatile("dsb ish\n isb" ::: "memory"); }
#endif
