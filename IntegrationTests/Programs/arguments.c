// How values go in and out of traced functions: alloca, varargs with doubles (al counts the vector
// registers), results in registers and in memory, arguments on the stack, big structs by value,
// long double and complex results, 128-bit integers.
#define _GNU_SOURCE
#include "count.h"
#include <alloca.h>
#include <complex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct pair { long a, b; };
struct mixed { double a; long b; };
struct floats { float a, b, c; };
struct big { long v[12]; };

TRACED long with_alloca(int n) {
    COUNT();
    long *values = alloca(n * sizeof *values), sum = 0;
    for (int i = 0; i < n; i++) values[i] = i * n;
    for (int i = 0; i < n; i++) sum += values[i];
    return sum;
}
TRACED double variadic(int n, ...) {
    COUNT();
    va_list list;
    va_start(list, n);
    double sum = 0;
    for (int i = 0; i < n; i++) sum += i % 2 ? va_arg(list, double) : (double)va_arg(list, int);
    va_end(list);
    return sum;
}
TRACED int formatted(char *out, size_t size, const char *format, ...) {
    COUNT();
    va_list list;
    va_start(list, format);
    int length = vsnprintf(out, size, format, list);
    va_end(list);
    return length;
}
TRACED struct pair return_pair(long a) {
    COUNT();
    return (struct pair){a, a * 2};
}
TRACED struct mixed return_mixed(double a, long b) {
    COUNT();
    return (struct mixed){a * 2, b * 3};
}
TRACED struct floats return_floats(float a) {
    COUNT();
    return (struct floats){a, a * 2, a * 3};
}
TRACED struct big return_big(long seed) {
    COUNT();
    struct big big;
    for (int i = 0; i < 12; i++) big.v[i] = seed * i;
    return big;
}
TRACED long take_big(struct big one, int between, struct big two) {
    COUNT();
    long sum = between;
    for (int i = 0; i < 12; i++) sum += one.v[i] * i - two.v[i];
    return sum;
}
TRACED long stack_longs(long a, long b, long c, long d, long e, long f, long g, long h, long i, long j) {
    COUNT();
    return a + b * 2 + c * 3 + d * 4 + e * 5 + f * 6 + g * 7 + h * 8 + i * 9 + j * 10;
}
TRACED double stack_doubles(double a, double b, double c, double d, double e, double f, double g,
                            double h, double i, double j, float k, int l) {
    COUNT();
    return a + b * 2 + c * 3 + d * 4 + e * 5 + f * 6 + g * 7 + h * 8 + i * 9 + j * 10 + k * 11 + l;
}
TRACED long double long_double(long double a, long double b) {
    COUNT();
    return a / b + 0.1L;
}
TRACED double complex complex_double(double complex a, double b) {
    COUNT();
    return a * b + I;
}
TRACED float complex complex_float(float complex a) {
    COUNT();
    return a * 2 + I;
}
TRACED long double complex complex_long_double(long double complex a) {
    COUNT();
    return a * 2 + I;
}
#ifdef __SIZEOF_INT128__
typedef __int128 widest;
#else
typedef long long widest;
#endif
TRACED widest wide(widest a, long b) {
    COUNT();
    return a * b + 1;
}
TRACED _Bool flag(char a, short b, unsigned char c) {
    COUNT();
    return a + b > c;
}
// A leaf without a frame, which uses the red zone; counted by its callers.
TRACED long leaf(long a, long b) {
    volatile long v[4] = {a, b, a + b, a - b};
    return v[0] + v[1] * v[2] - v[3];
}
TRACED double double_leaf(double a, float b) { return a * b; }
TRACED void nothing(void) { __asm__ volatile(""); }

// Every callee-saved register holds a value across a traced call.
TRACED long many_live(long s) {
    COUNT();
    long a = s * 3, b = s * 5, c = s * 7, d = s * 11, e = s * 13, f = s * 17, g = s * 19;
    long r = leaf(a, b);
    r += a ^ b ^ c ^ d ^ e ^ f ^ g;
    r += leaf(r, c);
    r += a + b - c + d - e + f - g;
    count_for("leaf", 2, 2, 0);
    return r;
}

int main(void) {
    COUNT();
    char text[128];
    for (int i = 0; i < 50; i++) {
        printf("%ld %.3f ", with_alloca(i * 5), variadic(6, i, i * .5, i + 1, i * .25, 3, 4.5));
        int length = formatted(text, sizeof text, "%d %.2f %s %ld %Lf", i, i / 3., "s", 1L << i, i / 7.L);
        printf("%d %s ", length, text);
        struct pair pair = return_pair(i);
        struct mixed mixed = return_mixed(i, i);
        struct floats floats = return_floats(i);
        struct big big = return_big(i);
        printf("%ld %ld %.1f %ld %.1f %ld %ld ", pair.a, pair.b, mixed.a, mixed.b, floats.a + floats.b + floats.c,
               big.v[11], take_big(big, i, return_big(3)));
        printf("%ld %.1f ", stack_longs(i, 2, 3, 4, 5, 6, 7, 8, 9, 10),
               stack_doubles(i, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
        long double ld = long_double(i, 3);
        double complex cd = complex_double(i + 2 * I, 3);
        float complex cf = complex_float(i - I);
        long double complex cl = complex_long_double(i + 3 * I);
        printf("%.10Lf %.1f %.1f %.1f %.1f %.1Lf %.1Lf ", ld, creal(cd), cimag(cd), creal(cf), cimag(cf), creall(cl),
               cimagl(cl));
        printf("%ld %d %ld ", (long)(wide(i, i) >> 1), flag(i, 10, 40), many_live(i));
        printf("%.2f %ld\n", double_leaf(i, 1.5f), leaf(i, 7));
        nothing();
        count_for("double_leaf", 1, 1, 0);
        count_for("leaf", 1, 1, 0);
        count_for("nothing", 1, 1, 0);
    }
}
