// dlopen of a library with traced functions and constructors, called from a traced function; its
// sites are armed before dlopen returns. dlsym(RTLD_NEXT), dlclose, and opening it again.
// (argv[2] is the library's path.)
#define _GNU_SOURCE
#include "count.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef int (*plugin_function)(int);

// Stands in for libc's: found first, and forwards to the next one.
TRACED int abs(int n) {
    COUNT();
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "abs");
    return next(n);
}
TRACED int around_abs(int n) {
    COUNT();
    int (*here)(int) = (int (*)(int))dlsym(RTLD_DEFAULT, "abs");
    return here(n);
}
TRACED void *open_plugin(const char *path, int flags) {
    COUNT();
    void *handle = dlopen(path, flags);
    if (!handle) puts(dlerror());
    return handle;
}
TRACED int use(void *handle, int n) {
    COUNT();
    plugin_function f = (plugin_function)dlsym(handle, "plugin_work");
    return f(n);
}
TRACED int callback(int n) {
    COUNT();
    return n * 2;
}

int main(int count, char **arguments) {
    COUNT();
    if (count < 3) return 9;
    printf("%d %d\n", abs(-3), around_abs(-5));
    for (int i = 0; i < 5; i++) {
        void *handle = open_plugin(arguments[2], i % 2 ? RTLD_NOW : RTLD_LAZY | RTLD_GLOBAL);
        int sum = 0;
        for (int j = 0; j < 100; j++) sum += use(handle, j);
        void *again = open_plugin(arguments[2], RTLD_NOW);
        printf("%d %d\n", sum, again == handle);
        dlclose(again);
        dlclose(handle);
    }
    printf("%d\n", open_plugin("/nonexistent.so", RTLD_NOW) == 0);
    // RTLD_NOLOAD and the main program's own handle.
    printf("%d\n", dlopen(arguments[2], RTLD_NOW | RTLD_NOLOAD) == 0);
    plugin_function own = (plugin_function)dlsym(dlopen(0, RTLD_NOW), "callback");
    printf("%d\n", own(21));
}
