// C++ exceptions through traced frames: nested, rethrown, past handlers that do not match, through
// untraced frames, out of destructors' callers, and through frames that have no landing pad.
#include "count.h"
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>

static long cleanups;
struct Guard {
    __attribute__((always_inline)) ~Guard() { ++cleanups; }
};

TRACED void thrower(int kind) {
    COUNT();
    if (kind == 0) throw 42;
    if (kind == 1) throw std::runtime_error("runtime");
    if (kind == 2) throw std::string("text");
    if (kind == 3) throw 'c';
}

TRACED void with_cleanup(int kind) {
    COUNT();
    Guard guard;
    thrower(kind);
}

TRACED void not_matching(int kind) {
    COUNT();
    try {
        with_cleanup(kind);
    } catch (const std::logic_error &) {
        puts("never");
    } catch (char) {
        puts("char");
    }
}

TRACED void rethrower(int kind) {
    COUNT();
    try {
        not_matching(kind);
    } catch (...) {
        ++cleanups;
        throw;
    }
}

UNTRACED static void between(int kind, void (*callee)(int)) {
    Guard guard;
    callee(kind);
}

TRACED void through_untraced(int kind) {
    COUNT();
    between(kind, rethrower);
}

// No landing pad: the frames are counted by who catches.
TRACED int bare(int depth) {
    ENTER();
    if (depth == 0) throw depth;
    int result = bare(depth - 1) + 1;
    EXIT();
    return result;
}

TRACED void nested_handler(int depth) {
    COUNT();
    try {
        thrower(depth % 3);
    } catch (...) {
        // A second exception while the first is being handled.
        if (depth > 0) nested_handler(depth - 1);
        else thrower(1);
    }
}

struct Loud {
    __attribute__((always_inline)) ~Loud() noexcept(false) {
        if (!std::uncaught_exceptions()) thrower(2);
    }
};

TRACED void owner_of_loud() {
    COUNT();
    Loud loud;
}

struct Quiet {
    UNTRACED ~Quiet();
};
TRACED void called_in_cleanup(int kind) {
    COUNT();
    try {
        thrower(kind);
    } catch (...) {
        ++cleanups;
    }
}
Quiet::~Quiet() { called_in_cleanup(1); }

TRACED void owner_of_quiet() {
    COUNT();
    Quiet quiet;
    thrower(0);
}

TRACED void translate() {
    COUNT();
    try {
        thrower(0);
    } catch (int) {
        throw std::runtime_error("translated");
    }
}

// Its own handler returns; what COUNT would see is the end of the try block. Counted by main.
TRACED void function_try(int kind) try {
    thrower(kind);
} catch (const std::string &text) {
    printf("function try %s\n", text.c_str());
}

TRACED const char *catch_one(void (*f)(int), int kind) {
    COUNT();
    try {
        f(kind);
    } catch (int) {
        return "int";
    } catch (const std::exception &e) {
        return "exception";
    } catch (...) {
        return "other";
    }
    return "none";
}

TRACED std::exception_ptr carry() {
    COUNT();
    try {
        thrower(1);
    } catch (...) {
        return std::current_exception();
    }
    return nullptr;
}

TRACED void in_thread(std::exception_ptr *out) {
    COUNT();
    try {
        rethrower(2);
    } catch (...) {
        *out = std::current_exception();
    }
}

TRACED void rethrow_pointer(std::exception_ptr *pointer) {
    COUNT();
    std::rethrow_exception(*pointer);
}

int main() {
    COUNT();
    for (int kind = 0; kind < 5; kind++) {
        printf("%s", catch_one(thrower, kind));
        printf(" %s", catch_one(with_cleanup, kind));
        printf(" %s", catch_one(not_matching, kind));
        printf(" %s", catch_one(rethrower, kind));
        printf(" %s\n", catch_one(through_untraced, kind));
    }
    for (int depth = 0; depth < 40; depth++) {
        try {
            bare(depth);
        } catch (int) {
            UNWOUND("bare", depth + 1);
        }
    }
    for (int depth = 0; depth < 6; depth++) {
        try {
            nested_handler(depth);
        } catch (const std::exception &e) {
            puts(e.what());
        }
    }
    try { owner_of_loud(); } catch (const std::string &s) { puts(s.c_str()); }
    try { owner_of_quiet(); } catch (int i) { printf("%d\n", i); }
    try { translate(); } catch (const std::exception &e) { puts(e.what()); }
    function_try(2);
    count_for("function_try", 1, 1, 0);
    std::exception_ptr held = carry();
    try { rethrow_pointer(&held); } catch (const std::exception &e) { puts(e.what()); }
    std::exception_ptr other;
    {
        std::thread thread(in_thread, &other);
        thread.join();
    }
    try { rethrow_pointer(&other); } catch (const std::string &s) { puts(s.c_str()); }
    held = nullptr, other = nullptr;
    printf("cleanups %ld\n", cleanups);
}
