// Tail calls: a chain, a loop of ten million, mutual recursion, and one through a pointer. The
// test checks with objdump that loop_a and loop_b really end in a jump.
#include "count.h"
#include <stdio.h>

#define TAIL_COUNTED(name)                         \
    do {                                           \
        ENTER();                                   \
        EXIT();                                    \
    } while (0)

TRACED long finish(long n) {
    COUNT();
    return n + 1;
}
TRACED long chain_c(long n) {
    TAIL_COUNTED();
    return finish(n + 1);
}
TRACED long chain_b(long n) {
    TAIL_COUNTED();
    return chain_c(n + 1);
}
TRACED long chain_a(long n) {
    TAIL_COUNTED();
    return chain_b(n + 1);
}
long loop_b(long n, long sum);
// Counted by main: the loop is to be nothing but the calls.
TRACED long loop_a(long n, long sum) {
    if (n == 0) return sum;
    return loop_b(n - 1, sum + n);
}
TRACED long loop_b(long n, long sum) {
    if (n == 0) return sum;
    return loop_a(n - 1, sum ^ n);
}
typedef long (*function)(long);
TRACED long through_pointer(function f, long n) {
    TAIL_COUNTED();
    return f(n);
}
TRACED long not_tail(long n) {
    COUNT();
    return chain_a(n) + through_pointer(chain_b, n);
}
TRACED long stack_user(long a, long b, long c, long d, long e, long f, long g, long h) {
    COUNT();
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h;
}
// A tail call that rewrites its own stack arguments.
TRACED long stack_tail(long a, long b, long c, long d, long e, long f, long g, long h) {
    TAIL_COUNTED();
    return stack_user(b, a, d, c, f, e, h, g);
}

int main(void) {
    COUNT();
    long sum = 0;
    for (long i = 0; i < 1000; i++) sum += not_tail(i) + chain_a(i) + stack_tail(i, 2, 3, 4, 5, 6, 7, 8);
    printf("%ld\n", sum);
    long loops = 10000000;
    printf("%ld\n", loop_a(loops, 0));
    count_for("loop_a", loops / 2 + 1, loops / 2 + 1, 0);
    count_for("loop_b", loops / 2, loops / 2, 0);
}
