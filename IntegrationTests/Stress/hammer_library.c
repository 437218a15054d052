// A library that is opened and closed while its functions are traced.
#include "hammer.h"

#ifdef __clang__
#define TRACED __attribute__((noinline, used))
#else
#define TRACED __attribute__((noinline, noclone, used))
#endif

#define LEAF(name, number) \
    TRACED uint64_t name(uint64_t x) { return hammer_mix(x, HAMMER_CONSTANT(200000 + number)); }
// Who opened the library counts the inner call too.
#define CALLER(name, number, next)                                                              \
    TRACED uint64_t name(uint64_t x) {                                                          \
        uint64_t inner = next(x ^ HAMMER_CONSTANT(200000 + number));                            \
        return hammer_mix(inner, HAMMER_CONSTANT(200000 + number));                             \
    }

LEAF(hammer_library_1, 1)
CALLER(hammer_library_0, 0, hammer_library_1)
LEAF(hammer_library_3, 3)
CALLER(hammer_library_2, 2, hammer_library_3)
LEAF(hammer_library_5, 5)
CALLER(hammer_library_4, 4, hammer_library_5)
LEAF(hammer_library_7, 7)
CALLER(hammer_library_6, 6, hammer_library_7)
