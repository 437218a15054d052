// Looks at its own stack: backtrace() through traced frames, and gdb stops at `bottom`.
// With argv[2], `bottom` writes the process id there and waits for the file's removal: gdb attaches.
#define _GNU_SOURCE
#include "count.h"
#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

UNTRACED static void print_stack(void) {
    void *frames[64];
    int depth = backtrace(frames, 64);
    for (int i = 1; i < depth; i++) {
        Dl_info info;
        memset(&info, 0, sizeof info);
        dladdr((char *)frames[i] - 1, &info);
        if (info.dli_sname && !strstr(info.dli_sname, "nopal")) puts(info.dli_sname);
    }
}
static const char *marker;

UNTRACED static void wait_for_debugger(void) {
    FILE *file = fopen(marker, "w");
    fprintf(file, "%d\n", getpid());
    fclose(file);
    while (access(marker, F_OK) == 0) usleep(1000);
}
TRACED int bottom(int n) {
    COUNT();
    if (marker) wait_for_debugger();
    else print_stack();
    return n;
}
TRACED int recursive(int n) {
    COUNT();
    return n ? recursive(n - 1) + 1 : bottom(n);
}
UNTRACED int untraced_between(int (*f)(int), int n) { return f(n) + 1; }
TRACED int middle(int n) {
    COUNT();
    return untraced_between(recursive, n) + 1;
}
TRACED void on_signal(int number) {
    COUNT();
    middle(number - number + 1);
}
TRACED int top(int n) {
    COUNT();
    int result = middle(n);
    if (!marker) raise(SIGUSR1);
    return result;
}

int main(int count, char **arguments) {
    COUNT();
    marker = count > 2 ? arguments[2] : 0;
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    signal(SIGUSR1, on_signal);
    printf("%d\n", top(3));
}
