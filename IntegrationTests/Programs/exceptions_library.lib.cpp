// The library of exceptions_library.cpp.
#include "count.h"
#include <stdexcept>

struct Guard {
    long *p;
    __attribute__((always_inline)) ~Guard() { ++*p; }
};
long library_cleanups;

TRACED void library_deep(int kind) {
    COUNT();
    Guard guard{&library_cleanups};
    if (kind == 1) throw std::runtime_error("library");
    if (kind == 2) throw 7;
}
TRACED void library_throw(int kind) {
    COUNT();
    library_deep(kind);
}
TRACED void library_call(void (*callee)(int), int kind) {
    COUNT();
    try {
        callee(kind);
    } catch (int) {
        throw std::logic_error("changed");
    }
}
