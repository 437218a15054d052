// What compilers call for division on 32-bit Arm, and to clear memory; nothing of the program's is linked in.
// Source: Run-time ABI for the Arm Architecture, 4.3.
#if defined(__arm__)
#include "shims.h"

void *memset(void *, int, size_t);
void *memcpy(void *restrict, const void *restrict, size_t);
void *memmove(void *, const void *, size_t);

/// Bit by bit: the agent divides off the hot path only.
uint64_t nopal_divide(uint64_t dividend, uint64_t divisor, uint64_t *remainder) {
    uint64_t quotient = 0, rest = 0;
    if (divisor == 0) divisor = 1;
    for (int bit = 63; bit >= 0; bit--) {
        rest = rest << 1 | (dividend >> bit & 1);
        if (rest >= divisor) {
            rest -= divisor;
            quotient |= UINT64_C(1) << bit;
        }
    }
    *remainder = rest;
    return quotient;
}

/// Out: r0 quotient, r1 remainder.
uint64_t __aeabi_uidivmod(uint32_t dividend, uint32_t divisor) {
    uint64_t remainder;
    uint64_t quotient = nopal_divide(dividend, divisor, &remainder);
    return remainder << 32 | (uint32_t)quotient;
}

uint32_t __aeabi_uidiv(uint32_t dividend, uint32_t divisor) {
    uint64_t remainder;
    return (uint32_t)nopal_divide(dividend, divisor, &remainder);
}

void __aeabi_memclr(void *to, size_t count) { memset(to, 0, count); }
void __aeabi_memclr4(void *to, size_t count) { memset(to, 0, count); }
void __aeabi_memclr8(void *to, size_t count) { memset(to, 0, count); }
void __aeabi_memset(void *to, size_t count, int value) { memset(to, value, count); }
void __aeabi_memcpy(void *to, const void *from, size_t count) { memcpy(to, from, count); }
void __aeabi_memcpy4(void *to, const void *from, size_t count) { memcpy(to, from, count); }
void __aeabi_memcpy8(void *to, const void *from, size_t count) { memcpy(to, from, count); }
void __aeabi_memmove(void *to, const void *from, size_t count) { memmove(to, from, count); }

/// Index tables of the agent's own objects name it; nothing unwinds through them.
void __aeabi_unwind_cpp_pr0(void) {}
void __aeabi_unwind_cpp_pr1(void) {}
#endif
