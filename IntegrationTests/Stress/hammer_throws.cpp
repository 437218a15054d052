// Throws exceptions through traced functions, and checks what arrives and what was cleaned up.
#include "hammer_throws.h"

HAMMER_THREAD_LOCAL uint64_t hammer_cleanups;

namespace {

using Function = uint64_t (*)(uint64_t);

struct Result {
    uint64_t value;
    bool is_thrown;
    uint64_t cleanups;
};

// What function `index` does, and the ones that it calls.
Result expected(uint64_t index, uint64_t x) {
    uint64_t constant = HAMMER_CONSTANT(hammer_table[hammer_throwing_range.first + index].number);
    unsigned kind = hammer_throw_kinds[index];
    if (kind == HAMMER_THROWS_LAST) return {hammer_mix(x, constant), (x & 1) != 0, 0};
    Result result = expected(index + 1, x ^ constant);
    if (kind == HAMMER_THROWS_CLEANING) result.cleanups++;
    if (!result.is_thrown || kind == HAMMER_THROWS_RETHROWING) result.value = hammer_mix(result.value, constant);
    return result;
}

Result call(uint64_t index, uint64_t x) {
    auto function = reinterpret_cast<Function>(hammer_table[hammer_throwing_range.first + index].entry);
    uint64_t cleanups = hammer_cleanups;
    try {
        uint64_t value = function(x);
        return {value, false, hammer_cleanups - cleanups};
    } catch (const hammer_thrown &thrown) {
        return {thrown.value, true, hammer_cleanups - cleanups};
    }
}

// From function `index` to the last, all are called once.
void round(uint64_t index, uint64_t x) {
    constexpr uint64_t limit = 64;
    uint64_t before[limit];
    const hammer_range range = hammer_throwing_range;
    for (uint64_t i = index; i < range.count; i++) before[i] = hammer_before(range.first + i);
    Result result = call(index, x), wanted = expected(index, x);
    for (uint64_t i = index; i < range.count; i++) hammer_after(range.first + i, before[i]);
    if (result.value != wanted.value || result.is_thrown != wanted.is_thrown || result.cleanups != wanted.cleanups)
        hammer_fail("%s(%#llx) ended in %s %#llx after %llu cleanups, not in %s %#llx after %llu",
                    hammer_table[range.first + index].name, (unsigned long long)x,
                    result.is_thrown ? "throw" : "return", (unsigned long long)result.value,
                    (unsigned long long)result.cleanups, wanted.is_thrown ? "throw" : "return",
                    (unsigned long long)wanted.value, (unsigned long long)wanted.cleanups);
}

}  // namespace

extern "C" void *hammer_exception_thread(void *argument) {
    uint64_t random = hammer_options.seed * 53 + 1;
    hammer_take_slot(HAMMER_EXCEPTIONS);
    while (!hammer_is_stopping()) {
        hammer_hold_point();
        for (int i = 0; i < 8; i++) {
            uint64_t index = hammer_random(&random) % hammer_throwing_range.count;
            round(index, hammer_random(&random));
            hammer_count_round(HAMMER_EXCEPTIONS, 1);
        }
        hammer_sleep(2000000);
    }
    return argument;
}
