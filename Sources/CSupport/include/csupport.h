// What Swift cannot say on the host: variadic and inline-assembly functions of the C library.
#pragma once
#include <stdint.h>

#if defined(__x86_64__)
/// The clock that stubs read.
static inline uint64_t nopal_ticks(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}
#endif
