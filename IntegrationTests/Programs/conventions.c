// Calling conventions that do not keep what others keep (clang 19): preserve_none, which passes
// arguments in callee-saved registers, also with more than eleven arguments; preserve_most and
// preserve_all, which keep what others do not.
#include "count.h"
#include <stdio.h>

#define NONE __attribute__((preserve_none))
#define MOST __attribute__((preserve_most))
#define ALL __attribute__((preserve_all))

TRACED NONE long none_two(long a, long b) {
    COUNT();
    return a * 2 + b;
}
TRACED NONE long none_many(long a, long b, long c, long d, long e, long f, long g, long h, long i, long j, long k,
                           long l, long m, long n) {
    COUNT();
    return a + b * 2 + c * 3 + d * 4 + e * 5 + f * 6 + g * 7 + h * 8 + i * 9 + j * 10 + k * 11 + l * 12 + m * 13 + n * 14;
}
// A leaf that may clobber every register, rbx with them; counted by its caller.
TRACED NONE long none_clobbers(long a) {
    __asm__ volatile("xor %%ebx, %%ebx; xor %%r12d, %%r12d; xor %%r13d, %%r13d; xor %%r14d, %%r14d; xor %%r15d, %%r15d"
                     ::: "rbx", "r12", "r13", "r14", "r15");
    return a + 1;
}
TRACED NONE long none_tail(long a, long b) {
    ENTER();
    EXIT();
    __attribute__((musttail)) return none_two(b, a);
}
TRACED NONE long none_nested(long a, long n) {
    COUNT();
    return n ? none_nested(a + 1, n - 1) + none_clobbers(a) : none_tail(a, 3);
}
TRACED long plain(long a) {
    COUNT();
    return none_clobbers(a) * 3;
}
TRACED MOST long most(long a, long b) {
    COUNT();
    return a - b;
}
TRACED ALL long all(long a, long b) {
    COUNT();
    return a ^ b;
}
TRACED long keeps_live(long s, double x) {
    COUNT();
    long a = s * 3, b = s * 5, c = s * 7;
    long r = most(a, b) + all(b, c);
    r += a + b * 2 + c * 3 + (long)(x * 2);
    r += most(r, a) + all(r, s);
    return r + a + b + c + (long)x;
}

int main(void) {
    COUNT();
    long sum = 0;
    for (long i = 0; i < 500; i++) {
        sum += none_two(i, 3) + none_many(i, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14);
        sum += none_nested(i, i % 10) + plain(i) + keeps_live(i, i * .5);
        count_for("none_clobbers", 1 + i % 10, 1 + i % 10, 0);
    }
    printf("%ld\n", sum);
}
