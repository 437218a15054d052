// Before and after main: static constructors and destructors, atexit handlers, and a thread that a
// constructor starts.
#include "count.h"
#include <cstdio>
#include <cstdlib>
#include <pthread.h>

TRACED int small(int n) {
    COUNT();
    return n + 1;
}
TRACED void *early_thread(void *argument) {
    COUNT();
    for (int i = 0; i < 1000; i++) small(i);
    return argument;
}
static pthread_t early;
TRACED __attribute__((constructor)) void starts_thread() {
    COUNT();
    pthread_create(&early, nullptr, early_thread, nullptr);
}
TRACED void static_begins() {
    COUNT();
    printf("begins %d\n", small(1));
}
TRACED void static_ends() {
    COUNT();
    printf("ends %d\n", small(2));
}
struct Static {
    __attribute__((always_inline)) Static() { static_begins(); }
    UNTRACED ~Static();
};
Static::~Static() { static_ends(); }
UNTRACED static Static &local() {
    static Static one;
    return one;
}
static Static global;

TRACED void at_exit() {
    COUNT();
    printf("at exit %d\n", small(3));
}
TRACED void at_quick_exit() {
    COUNT();
    small(4);
}
TRACED __attribute__((destructor)) void last() {
    COUNT();
    small(5);
}

int main() {
    COUNT();
    pthread_join(early, nullptr);
    local();
    std::atexit(at_exit);
    std::at_quick_exit(at_quick_exit);
    puts("main");
}
