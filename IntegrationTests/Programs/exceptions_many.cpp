// 100,000 throws through nested traced frames, caught at different depths.
#include "count.h"
#include <cstdio>

struct Near {};
struct Far {};
static long cleanups;
struct Guard {
    __attribute__((always_inline)) ~Guard() { ++cleanups; }
};

TRACED void innermost(unsigned n) {
    COUNT();
    if (n % 3 == 0) throw Far();
    if (n % 3 == 1) throw Near();
}
TRACED void third(unsigned n) {
    COUNT();
    Guard guard;
    innermost(n);
}
TRACED void second(unsigned n) {
    COUNT();
    try {
        third(n);
    } catch (const Near &) {
        if (n % 2) throw;
    }
}
TRACED void first(unsigned n) {
    COUNT();
    Guard guard;
    second(n);
}

int main() {
    COUNT();
    long near = 0, far = 0;
    for (unsigned n = 0; n < 150000; n++) {
        try {
            first(n);
        } catch (const Near &) {
            near++;
        } catch (const Far &) {
            far++;
        }
    }
    printf("near %ld far %ld cleanups %ld\n", near, far, cleanups);
}
