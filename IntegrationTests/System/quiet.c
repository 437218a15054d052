// A C program that knows nothing of exceptions, and has no unwinder loaded: it calls `exact` an exact number of times
// once the file WORK/attached is there.
//
//   quiet WORK [FILTERED]      FILTERED: under a seccomp filter, which allows everything
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

__attribute__((noinline)) unsigned long step(unsigned long value) { return value * 2654435761u + 1; }
__attribute__((noinline)) unsigned long exact(unsigned long value) { return step(value) ^ value; }

int main(int argc, char **argv) {
    char path[4096];
    unsigned long value = 0;
    if (argc < 2) return 64;
    struct sock_filter allow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
    struct sock_fprog filter = {1, &allow};
    if (argc > 2 && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)))
        return 1;
    snprintf(path, sizeof path, "%s/running", argv[1]);
    FILE *file = fopen(path, "w");
    if (!file || fclose(file)) return 1;
    snprintf(path, sizeof path, "%s/attached", argv[1]);
    while (access(path, F_OK) != 0)
        for (int i = 0; i < 1000; i++) value = step(value);
    for (int i = 0; i < 1000; i++) value = exact(value);
    printf("exact 1000 %d\n", value != 0);
    return 0;
}
