// Frames that an exception passes, by what they have to do with it.
#pragma once

#include "hammer.h"

enum hammer_throw_kind {
    HAMMER_THROWS_PLAIN,         // nothing
    HAMMER_THROWS_CLEANING,      // a destructor
    HAMMER_THROWS_NOT_MATCHING,  // a handler for another type
    HAMMER_THROWS_RETHROWING,    // catches it, and throws another
    HAMMER_THROWS_LAST           // throws if x is odd
};

extern
#ifdef __cplusplus
    "C"
#endif
    const unsigned char hammer_throw_kinds[];

#ifdef __cplusplus

namespace {
struct cleanup {
    __attribute__((always_inline)) ~cleanup() { hammer_cleanups++; }
};
}  // namespace

#ifdef __clang__
#define THROWING(name) extern "C" __attribute__((noinline, used)) uint64_t name(uint64_t x)
#else
#define THROWING(name) extern "C" __attribute__((noinline, noclone, used)) uint64_t name(uint64_t x)
#endif

#define PLAIN(name, number, next)                                                              \
    THROWING(name) { return hammer_mix(next(x ^ HAMMER_CONSTANT(number)), HAMMER_CONSTANT(number)); }

#define CLEANING(name, number, next)                                                           \
    THROWING(name) {                                                                           \
        cleanup here;                                                                          \
        return hammer_mix(next(x ^ HAMMER_CONSTANT(number)), HAMMER_CONSTANT(number));         \
    }

#define NOT_MATCHING(name, number, next)                                                       \
    THROWING(name) {                                                                           \
        try {                                                                                  \
            return hammer_mix(next(x ^ HAMMER_CONSTANT(number)), HAMMER_CONSTANT(number));     \
        } catch (int) {                                                                        \
            return 0;                                                                          \
        }                                                                                      \
    }

#define RETHROWING(name, number, next)                                                         \
    THROWING(name) {                                                                           \
        try {                                                                                  \
            return hammer_mix(next(x ^ HAMMER_CONSTANT(number)), HAMMER_CONSTANT(number));     \
        } catch (const hammer_thrown &thrown) {                                                \
            throw hammer_thrown{hammer_mix(thrown.value, HAMMER_CONSTANT(number))};            \
        }                                                                                      \
    }

#define LAST(name, number, next)                                                               \
    THROWING(name) {                                                                           \
        uint64_t value = hammer_mix(x, HAMMER_CONSTANT(number));                               \
        if (x & 1) throw hammer_thrown{value};                                                 \
        return value;                                                                          \
    }
#endif
