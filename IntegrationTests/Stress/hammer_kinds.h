// The kinds of functions, for the traced units; hammer_calls.c calls and checks them.
//
// Each kind stands for something that a stub or a moved prologue could spoil: argument registers
// and the stack, ways to return, callee-saved registers, the red zone, a branch to right behind the
// entry, a frame that is reused by a tail call.
#pragma once

#include "hammer.h"
#include <stdarg.h>

#ifdef __clang__
#define TRACED __attribute__((noinline, used, section(".text.hammer")))
#else
#define TRACED __attribute__((noinline, noclone, used, section(".text.hammer")))
#endif
// With -fcf-protection=branch every function begins with endbr64, but for these.
#if defined(__x86_64__)
#define BARE TRACED __attribute__((nocf_check))
#define HAMMER_FILLING "0xcc"
#else
#define BARE TRACED
#define HAMMER_FILLING "0"
#endif

// The callee-saved registers but those that compilers keep for themselves, spoilt.
#if defined(__x86_64__)
#define HAMMER_SPOIL()                                                                       \
    __asm__ volatile("xor %%ebx, %%ebx\n\txor %%r12d, %%r12d\n\txor %%r13d, %%r13d\n\t"      \
                     "xor %%r14d, %%r14d\n\txor %%r15d, %%r15d" ::: "rbx", "r12", "r13",     \
                     "r14", "r15", "cc")
#elif defined(__aarch64__)
#define HAMMER_SPOIL()                                                                       \
    __asm__ volatile("mov x19, xzr\n\tmov x20, xzr\n\tmov x21, xzr\n\tmov x27, xzr\n\tmov x28, xzr" ::: \
                     "x19", "x20", "x21", "x27", "x28")
#else
#define HAMMER_SPOIL()                                                                       \
    __asm__ volatile("mov r4, #0\n\tmov r5, #0\n\tmov r6, #0\n\tmov r8, #0\n\tmov r10, #0" ::: "r4", "r5",    \
                     "r6", "r8", "r10", "cc")
#endif

// Places what follows `offset` bytes behind a multiple of `align`. clang writes all top-level asm at
// the start of a unit, so there it is a function.
#ifdef __clang__
#define PLACE(label, align, offset)                                                             \
    __attribute__((naked, used, section(".text.hammer"), nocf_check, no_instrument_function,    \
                   patchable_function_entry(0, 0), xray_never_instrument, visibility("hidden"))) \
    void hammer_gap_##label(void) {                                                             \
        __asm__(".balign " #align ", 0xcc\n\t.skip " #offset ", 0xcc");                         \
    }
#else
#define PLACE(label, align, offset)                                                  \
    __asm__(".pushsection .text.hammer, \"ax\", %progbits\n\t.balign " #align        \
            ", " HAMMER_FILLING "\n\t.skip " #offset ", " HAMMER_FILLING "\n\t.popsection");
#endif

// A counted call. The compiler knows the callee, and must not move the call out of here.
#define CALL(next, next_id, argument)                                                        \
    ({                                                                                       \
        uint64_t argument_ = (argument), before_ = hammer_before(next_id);                   \
        __asm__ volatile("" : "+r"(argument_)::"memory");                                    \
        uint64_t result_ = next(argument_);                                                  \
        __asm__ volatile("" : "+r"(result_)::"memory");                                      \
        hammer_after(next_id, before_);                                                      \
        result_;                                                                             \
    })

// Each takes: the attributes, the function's name, its number, and the name and id of whom it calls.

#define LEAF(attributes, name, number, next, next_id)                                        \
    attributes uint64_t name(uint64_t x) { return hammer_mix(x, HAMMER_CONSTANT(number)); }

// Two instructions behind the entry.
#define TINY(attributes, name, number, next, next_id)                                        \
    attributes uint64_t name(uint64_t x) { return x + number + 1; }

#define NESTED(attributes, name, number, next, next_id)                                      \
    attributes uint64_t name(uint64_t x) {                                                   \
        uint64_t result = CALL(next, next_id, x ^ HAMMER_CONSTANT(number));                  \
        return hammer_mix(result, HAMMER_CONSTANT(number));                                  \
    }

// A prologue that saves registers, values that live across a call, and the registers spoilt.
#define PUSHES(attributes, name, number, next, next_id)                                      \
    attributes uint64_t name(uint64_t x) {                                                   \
        uint64_t sum = x + HAMMER_CONSTANT(number), product = x * 3;                         \
        __asm__ volatile("" : "+r"(sum), "+r"(product));                                     \
        uint64_t result = CALL(next, next_id, x ^ HAMMER_CONSTANT(number));                  \
        HAMMER_SPOIL();                                                                      \
        return hammer_mix(result, sum) + product;                                            \
    }

// All six registers, and the stack.
#define MANY(attributes, name, number, next, next_id)                                        \
    attributes uint64_t name(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,     \
                             uint64_t f, uint64_t g, uint64_t h) {                           \
        return hammer_mix(a, HAMMER_CONSTANT(number)) + b * 3 + c * 5 + d * 7 + e * 11 +     \
               f * 13 + g * 17 + h * 19;                                                     \
    }

#define DOUBLES(attributes, name, number, next, next_id)                                     \
    attributes double name(double a, double b, double c, double d, double e, double f,       \
                           double g, double h, double i) {                                   \
        return a + b * 3 + c * 5 + d * 7 + e * 11 + f * 13 + g * 17 + h * 19 + i * 23 + (number + 1); \
    }

#define TAIL(attributes, name, number, next, next_id)                                        \
    attributes uint64_t name(uint64_t x) { return next(x ^ HAMMER_CONSTANT(number)); }

// Values below the stack pointer, for longer than a stub needs.
#define RED_ZONE(attributes, name, number, next, next_id)                                    \
    attributes uint64_t name(uint64_t x) {                                                   \
        volatile uint64_t values[12];                                                        \
        uint64_t sum = 0;                                                                    \
        for (int i = 0; i < 12; i++) values[i] = x + HAMMER_CONSTANT(number) * i;            \
        for (int i = 0; i < 12; i++) sum = sum * 3 + values[i];                              \
        return sum;                                                                          \
    }

#define PAIR(attributes, name, number, next, next_id)                                        \
    attributes struct hammer_pair name(uint64_t x, double y) {                               \
        struct hammer_pair pair = {hammer_mix(x, HAMMER_CONSTANT(number)), y + (number + 1)}; \
        return pair;                                                                         \
    }

// Returned in memory: the address comes in the first register, and goes back in rax.
#define FIVE(attributes, name, number, next, next_id)                                        \
    attributes struct hammer_five name(uint64_t x, uint64_t y) {                             \
        struct hammer_five five = {{hammer_mix(x, HAMMER_CONSTANT(number)), x, y, x + y, number}}; \
        return five;                                                                         \
    }

// Goes round to its first instruction.
#define LOOP(attributes, name, number, next, next_id)                                        \
    attributes uint64_t name(uint64_t x, uint64_t count) {                                   \
        do x = x * 5 + HAMMER_CONSTANT(number);                                              \
        while (--count);                                                                     \
        return x;                                                                            \
    }

// al says how many vector registers hold arguments.
#define VARIADIC(attributes, name, number, next, next_id)                                    \
    attributes uint64_t name(uint64_t count, ...) {                                          \
        va_list arguments;                                                                   \
        va_start(arguments, count);                                                          \
        uint64_t sum = HAMMER_CONSTANT(number);                                              \
        while (count--) {                                                                    \
            sum = sum * 3 + va_arg(arguments, uint64_t);                                     \
            sum = sum * 3 + (uint64_t)va_arg(arguments, double);                             \
        }                                                                                    \
        va_end(arguments);                                                                   \
        return sum;                                                                          \
    }

#define MIXED(attributes, name, number, next, next_id)                                       \
    attributes double name(uint64_t a, double b, uint32_t c, float d, uint64_t *out) {       \
        *out = hammer_mix(a, HAMMER_CONSTANT(number)) + c;                                   \
        return b * 2 + d + (number + 1);                                                     \
    }

#define LONG_DOUBLE(attributes, name, number, next, next_id)                                 \
    attributes long double name(long double a, long double b) { return a * 2 + b + (number + 1); }

#define VECTOR(attributes, name, number, next, next_id)                                      \
    attributes hammer_vector name(hammer_vector a, hammer_vector b) {                        \
        return (a ^ b) + (hammer_vector){HAMMER_CONSTANT(number), HAMMER_CONSTANT(number)};  \
    }

#define FRAME(attributes, name, number, next, next_id)                                       \
    attributes uint64_t name(uint64_t x) {                                                   \
        volatile uint64_t values[100];                                                       \
        values[x % 100] = x;                                                                 \
        values[(x + 1) % 100] = HAMMER_CONSTANT(number);                                     \
        return values[x % 100] * 3 + values[(x + 1) % 100];                                  \
    }

// Waits inside of a traced function, if the callback does.
#define THROUGH(attributes, name, number, next, next_id)                                     \
    attributes uint64_t name(hammer_callback *callback, void *context, uint64_t x) {         \
        return hammer_mix(callback(context, x ^ HAMMER_CONSTANT(number)), HAMMER_CONSTANT(number)); \
    }
