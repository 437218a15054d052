// Calls of traced functions, by kind, and what they must return.
#include "hammer.h"

typedef uint64_t one(uint64_t);
typedef uint64_t two(uint64_t, uint64_t);
typedef uint64_t many(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
typedef double doubles(double, double, double, double, double, double, double, double, double);
typedef struct hammer_pair pair(uint64_t, double);
typedef struct hammer_five five(uint64_t, uint64_t);
typedef uint64_t variadic(uint64_t, ...);
typedef double mixed(uint64_t, double, uint32_t, float, uint64_t *);
typedef long double long_double(long double, long double);
typedef hammer_vector vector(hammer_vector, hammer_vector);

// Small enough that sums of doubles are exact.
static double small(uint64_t x) { return (double)(x & 0xfffff); }
static uint64_t turns(uint64_t x) { return 1 + (x & 7); }

static uint64_t run_five(five *function, uint64_t x) {
    struct hammer_five result = function(x, x + 1);
    uint64_t sum = 0;
    for (int i = 0; i < 5; i++) sum = sum * 3 + result.values[i];
    return sum;
}

static uint64_t run_mixed(mixed *function, uint64_t x) {
    uint64_t out = 0;
    double result = function(x, small(x), 9, 5, &out);
    return out * 3 + (uint64_t)result;
}

static uint64_t run_vector(vector *function, uint64_t x) {
    hammer_vector result = function((hammer_vector){x + 1, x}, (hammer_vector){7, 7});
    return result[1] * 3 + result[0];
}

// What the function returned, in one number.
static uint64_t run(enum hammer_kind kind, void (*entry)(void), uint64_t x) {
    double y = small(x);
    switch (kind) {
    case HAMMER_KIND_MANY: return ((many *)entry)(x, x + 1, x + 2, x + 3, x + 4, x + 5, x + 6, x + 7);
    case HAMMER_KIND_DOUBLES:
        return (uint64_t)((doubles *)entry)(y, y + 1, y + 2, y + 3, y + 4, y + 5, y + 6, y + 7, y + 8);
    case HAMMER_KIND_PAIR: {
        struct hammer_pair result = ((pair *)entry)(x, y);
        return result.first * 3 + (uint64_t)result.second;
    }
    case HAMMER_KIND_FIVE: return run_five((five *)entry, x);
    case HAMMER_KIND_LOOP: return ((two *)entry)(x, turns(x));
    case HAMMER_KIND_VARIADIC: return ((variadic *)entry)(4, x, y, x + 1, 2.0, x + 2, 3.0, x + 3, 4.0);
    case HAMMER_KIND_MIXED: return run_mixed((mixed *)entry, x);
    case HAMMER_KIND_LONG_DOUBLE: return (uint64_t)((long_double *)entry)(y, y + 1);
    case HAMMER_KIND_VECTOR: return run_vector((vector *)entry, x);
    default: return ((one *)entry)(x);
    }
}

static uint64_t expected_variadic(uint64_t constant, uint64_t x) {
    uint64_t sum = constant;
    for (uint64_t i = 0; i < 4; i++) {
        sum = sum * 3 + x + i;
        sum = sum * 3 + (i ? i + 1 : (uint64_t)small(x));
    }
    return sum;
}

static uint64_t expected_red_zone(uint64_t constant, uint64_t x) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < 12; i++) sum = sum * 3 + x + constant * i;
    return sum;
}

static uint64_t expected_loop(uint64_t constant, uint64_t x) {
    for (uint64_t i = turns(x); i; i--) x = x * 5 + constant;
    return x;
}

static uint64_t expected_five(uint64_t number, uint64_t constant, uint64_t x) {
    uint64_t sum = hammer_mix(x, constant);
    sum = sum * 3 + x;
    sum = sum * 3 + x + 1;
    sum = sum * 3 + x + x + 1;
    return sum * 3 + number;
}

static uint64_t expected(const struct hammer_function *function, uint64_t x) {
    uint64_t number = function->number, constant = HAMMER_CONSTANT(number), y = (uint64_t)small(x);
    uint64_t inner = function->next < 0 ? 0 : expected(&hammer_table[function->next], x ^ constant);
    switch (function->kind) {
    case HAMMER_KIND_TINY: return x + number + 1;
    case HAMMER_KIND_NESTED:
    case HAMMER_KIND_LIBRARY_CALLER: return hammer_mix(inner, constant);
    case HAMMER_KIND_PUSHES: return hammer_mix(inner, x + constant) + x * 3;
    case HAMMER_KIND_TAIL: return inner;
    case HAMMER_KIND_MANY:
        return hammer_mix(x, constant) + x * (3 + 5 + 7 + 11 + 13 + 17 + 19) + 3 + 10 + 21 + 44 + 65 + 102 + 133;
    case HAMMER_KIND_DOUBLES:
        return y * (1 + 3 + 5 + 7 + 11 + 13 + 17 + 19 + 23) + 3 + 10 + 21 + 44 + 65 + 102 + 133 + 184 + number + 1;
    case HAMMER_KIND_RED_ZONE: return expected_red_zone(constant, x);
    case HAMMER_KIND_PAIR: return hammer_mix(x, constant) * 3 + y + number + 1;
    case HAMMER_KIND_FIVE: return expected_five(number, constant, x);
    case HAMMER_KIND_LOOP: return expected_loop(constant, x);
    case HAMMER_KIND_VARIADIC: return expected_variadic(constant, x);
    case HAMMER_KIND_MIXED: return (hammer_mix(x, constant) + 9) * 3 + y * 2 + 5 + number + 1;
    case HAMMER_KIND_LONG_DOUBLE: return y * 2 + y + 1 + number + 1;
    case HAMMER_KIND_VECTOR: return ((x ^ 7) + constant) * 3 + ((x + 1) ^ 7) + constant;
    case HAMMER_KIND_FRAME: return x * 3 + constant;
    default: return hammer_mix(x, constant);
    }
}

static void check(const struct hammer_function *function, uint64_t x, uint64_t got, uint64_t wanted) {
    if (got != wanted)
        hammer_fail("%s(%#llx) returned %#llx, not %#llx", function->name, (unsigned long long)x,
                    (unsigned long long)got, (unsigned long long)wanted);
}

void hammer_call_at(uint64_t id, void (*entry)(void), uint64_t x) {
    const struct hammer_function *function = &hammer_table[id];
    // These cannot count whom they call.
    int calls_uncounted = function->kind == HAMMER_KIND_TAIL || function->kind == HAMMER_KIND_LIBRARY_CALLER;
    uint64_t next = (uint64_t)function->next;
    uint64_t before = hammer_before(id), before_next = calls_uncounted ? hammer_before(next) : 0;
    uint64_t got = run(function->kind, entry, x);
    hammer_after(id, before);
    if (calls_uncounted) hammer_after(next, before_next);
    check(function, x, got, expected(function, x));
}

void hammer_call(uint64_t id, uint64_t x) { hammer_call_at(id, hammer_table[id].entry, x); }

// The callback's value comes back through the traced function.
struct passing {
    hammer_callback *callback;
    void *context;
    uint64_t x, value;
};

static uint64_t pass(void *context, uint64_t x) {
    struct passing *passing = context;
    if (x != passing->x) hammer_fail("a callback got %#llx", (unsigned long long)x);
    return passing->value = passing->callback(passing->context, x);
}

void hammer_call_through(uint64_t index, hammer_callback *callback, void *context, uint64_t x) {
    uint64_t id = hammer_through_range.first + index % hammer_through_range.count;
    const struct hammer_function *function = &hammer_table[id];
    uint64_t constant = HAMMER_CONSTANT(function->number);
    struct passing passing = {callback, context, x ^ constant, 0};
    uint64_t before = hammer_before(id);
    uint64_t got = ((hammer_through *)function->entry)(pass, &passing, x);
    hammer_after(id, before);
    check(function, x, got, hammer_mix(passing.value, constant));
}
