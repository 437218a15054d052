// C++20 coroutines: the ramp is the function that the source names; traced functions are called
// from the body between suspensions. Resumed from other depths, and destroyed half way.
#include "count.h"
#include <coroutine>
#include <cstdio>
#include <exception>

#define INLINE __attribute__((always_inline))

struct Generator {
    struct promise_type {
        int value = 0;
        INLINE Generator get_return_object() {
            return Generator{std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        INLINE std::suspend_always initial_suspend() { return {}; }
        INLINE std::suspend_always final_suspend() noexcept { return {}; }
        INLINE std::suspend_always yield_value(int v) {
            value = v;
            return {};
        }
        INLINE void return_void() {}
        INLINE void unhandled_exception() { throw; }
    };
    std::coroutine_handle<promise_type> handle;
};

TRACED int step(int n) {
    COUNT();
    return n * n;
}
TRACED void maybe_throw(int n) {
    COUNT();
    if (n == 3) throw n;
}
static long cleanups;
struct Guard {
    INLINE ~Guard() { ++cleanups; }
};

static Generator squares(int count) {
    Guard guard;
    for (int i = 0; i < count; i++) co_yield step(i);
}
static Generator failing(int count) {
    for (int i = 0; i < count; i++) {
        maybe_throw(i);
        co_yield i;
    }
}

TRACED int resume_deep(Generator &generator, int depth) {
    COUNT();
    if (depth > 0) return resume_deep(generator, depth - 1);
    generator.handle.resume();
    return generator.handle.promise().value;
}

int main() {
    COUNT();
    long sum = 0;
    Generator a = squares(100), b = squares(50);
    for (int i = 0; i < 50; i++) {
        sum += resume_deep(a, i % 7);
        sum += resume_deep(b, i % 3);
    }
    while (!a.handle.done()) sum += resume_deep(a, 2);
    a.handle.destroy();
    b.handle.destroy();
    printf("%ld %ld\n", sum, cleanups);
    Generator c = failing(10);
    try {
        for (;;) sum += resume_deep(c, 4);
    } catch (int n) {
        printf("caught %d %d\n", n, c.handle.done());
    }
    c.handle.destroy();
    Generator never = squares(3);
    never.handle.destroy();
    printf("%ld %ld\n", sum, cleanups);
}
