// Exceptions thrown in a shared library and caught in the program, and the other way round.
#include "count.h"
#include <cstdio>
#include <stdexcept>

extern "C" void library_throw(int kind);
extern "C" void library_call(void (*callee)(int), int kind);

TRACED void program_throw(int kind) {
    COUNT();
    if (kind) throw std::runtime_error("program");
}
TRACED void call_library(int kind) {
    COUNT();
    library_throw(kind);
}

int main() {
    COUNT();
    for (int kind = 0; kind < 3; kind++) {
        try {
            call_library(kind);
            puts("returned");
        } catch (const std::exception &e) {
            puts(e.what());
        } catch (int n) {
            printf("%d\n", n);
        }
        try {
            library_call(program_throw, kind);
            puts("returned");
        } catch (const std::exception &e) {
            puts(e.what());
        }
        try {
            library_call(call_library, kind);
            puts("returned");
        } catch (...) {
            puts("something");
        }
    }
}
