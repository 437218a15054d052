// System calls of the Arm sets.
#if defined(__aarch64__) || defined(__arm__)
#include "shims.h"

#if defined(__aarch64__)
int64_t nopal_system_call(int64_t number, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f) {
    register int64_t x8 __asm__("x8") = number;
    register int64_t x0 __asm__("x0") = a;
    register int64_t x1 __asm__("x1") = b;
    register int64_t x2 __asm__("x2") = c;
    register int64_t x3 __asm__("x3") = d;
    register int64_t x4 __asm__("x4") = e;
    register int64_t x5 __asm__("x5") = f;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
}
#else
int64_t nopal_system_call(int64_t number, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f) {
    register int32_t r7 __asm__("r7") = (int32_t)number;
    register int32_t r0 __asm__("r0") = (int32_t)a;
    register int32_t r1 __asm__("r1") = (int32_t)b;
    register int32_t r2 __asm__("r2") = (int32_t)c;
    register int32_t r3 __asm__("r3") = (int32_t)d;
    register int32_t r4 __asm__("r4") = (int32_t)e;
    register int32_t r5 __asm__("r5") = (int32_t)f;
    __asm__ volatile("svc #0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2), "r"(r3), "r"(r4), "r"(r5) : "memory");
    // Errors are negative numbers, and addresses are not.
    uint32_t result = (uint32_t)r0;
    return result >= 0xfffff000u ? (int64_t)(int32_t)result : (int64_t)result;
}
#endif
#endif
