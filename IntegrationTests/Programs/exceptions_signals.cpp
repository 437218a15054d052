// Exceptions that traced signal handlers interrupt: while an unwinder is at work its frames are half gone, and what it
// still has to read must not be lent to the handler's calls. Four threads throw under a timer; on x86-64 then the
// processor's trap flag brings a handler between any few instructions of a throw.
#include "count.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>

struct Guard {
    long &count;
    __attribute__((always_inline)) ~Guard() { ++count; }
};

TRACED int in_handler(int n) {
    COUNT();
    return n + 1;
}
TRACED void handler(int) {
    COUNT();
    in_handler(1);
}
TRACED void innermost(int n) {
    COUNT();
    if (n >= 0) throw n;
}
TRACED void third(int n, long &cleanups) {
    COUNT();
    Guard guard{cleanups};
    innermost(n);
}
TRACED int destroyed(int n) {
    COUNT();
    return n + 1;
}
struct Caller {
    int &value;
    __attribute__((always_inline)) ~Caller() { value = destroyed(value); }
};
TRACED void second(int n, long &cleanups) {
    COUNT();
    int value = n;
    Caller caller{value};
    third(n, cleanups);
}
TRACED int first(int n, long &cleanups) {
    COUNT();
    try {
        second(n, cleanups);
    } catch (int found) { return found == n ? in_handler(n) : -1; }
    return -1;
}
TRACED long throw_often(int count) {
    COUNT();
    long cleanups = 0;
    for (int n = 0; n < count; n++)
        if (first(n, cleanups) != n + 1) return -1;
    return cleanups;
}
TRACED void *thread(void *result) {
    COUNT();
    *(long *)result = throw_often(3000);
    return nullptr;
}

#ifdef __x86_64__
enum { trap_flag = 0x100, steps_between = 7 };
static long steps;

UNTRACED static void set_stepping(bool is_on) {
    unsigned long flags = __builtin_ia32_readeflags_u64();
    __builtin_ia32_writeeflags_u64(is_on ? flags | trap_flag : flags & ~(unsigned long)trap_flag);
}
// The kernel clears the flag for a handler.
UNTRACED static void step(int) {
    if (++steps % steps_between == 0) handler(0);
}
UNTRACED static long step_through(int count) {
    struct sigaction action = {};
    action.sa_handler = step;
    sigaction(SIGTRAP, &action, nullptr);
    set_stepping(true);
    long cleanups = throw_often(count);
    set_stepping(false);
    return steps > 10000 ? cleanups : -1;
}
#endif

int main() {
    COUNT();
    struct sigaction action = {};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, nullptr);
    struct itimerval often = {{0, 500}, {0, 500}}, never = {};
    setitimer(ITIMER_REAL, &often, nullptr);
    pthread_t threads[4];
    long cleanups[4];
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], nullptr, thread, &cleanups[i]);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], nullptr);
    setitimer(ITIMER_REAL, &never, nullptr);
    for (int i = 0; i < 4; i++) printf("cleanups %ld\n", cleanups[i]);
#ifdef __x86_64__
    printf("stepped %ld\n", step_through(2));
#endif
}
