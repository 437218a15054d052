// All the ways to end, from the bottom of traced frames. argv[2] names the way. The account is in
// shared memory, so it counts up to the very end.
#define _GNU_SOURCE
#include "count.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

TRACED int small(int n) {
    COUNT();
    return n + 1;
}
TRACED long overflow(volatile char *above) {
    volatile char here[256];
    here[0] = above ? above[0] + 1 : 0;
    return overflow(here) + here[0];
}
TRACED void end(const char *way) {
    COUNT();
    if (!strcmp(way, "exit")) exit(7);
    if (!strcmp(way, "_exit")) _exit(8);
    if (!strcmp(way, "quick_exit")) quick_exit(9);
    if (!strcmp(way, "exit_group")) syscall(SYS_exit_group, 10);
    if (!strcmp(way, "abort")) abort();
    if (!strcmp(way, "kill")) kill(getpid(), SIGKILL);
    if (!strcmp(way, "term")) kill(getpid(), SIGTERM);
    if (!strcmp(way, "trap")) raise(SIGTRAP);
    if (!strcmp(way, "segv")) *(volatile int *)0 = 1;
    if (!strcmp(way, "ill")) __builtin_trap();
    if (!strcmp(way, "fpe")) { volatile int zero = 0, result = 1000 / zero; (void)result; }
    if (!strcmp(way, "exec")) execl("/bin/echo", "echo", "executed", (char *)0);
}
TRACED void nested(const char *way, int depth) {
    COUNT();
    for (int i = 0; i < 1000; i++) small(i);
    if (depth) nested(way, depth - 1);
    else end(way);
}

int main(int count, char **arguments) {
    COUNT();
    const char *way = count > 2 ? arguments[2] : "return";
    printf("%s\n", way);
    fflush(stdout);
    // The frames of an overflow are too many for the account; its signal is what is compared.
    if (!strcmp(way, "overflow")) overflow(0);
    if (strcmp(way, "return")) nested(way, 5);
    return 5;
}
