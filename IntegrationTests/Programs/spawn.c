// vfork and exec, posix_spawn, system, popen, and exec of itself. Each child is this program again
// (argv[2] = child), and is traced into the same file.
#define _GNU_SOURCE
#include "count.h"
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

TRACED int small(int n) {
    COUNT();
    return n + 1;
}
TRACED int as_child(int n) {
    COUNT();
    int sum = 0;
    for (int i = 0; i < n; i++) sum += small(i);
    return sum;
}
TRACED void before_exec(void) {
    COUNT();
    small(1);
}
UNTRACED static void report(const char *what, int status) {
    printf("%s %d\n", what, status);
    fflush(stdout);
}
TRACED int by_vfork(char **child) {
    COUNT();
    pid_t pid = vfork();
    if (pid == 0) {
        execv("/proc/self/exe", child);
        _exit(127);
    }
    int status;
    waitpid(pid, &status, 0);
    return status;
}
TRACED int by_fork(char **child) {
    COUNT();
    pid_t pid = fork();
    if (pid == 0) {
        before_exec();
        execve("/proc/self/exe", child, environ);
        _exit(127);
    }
    int status;
    waitpid(pid, &status, 0);
    return status;
}
TRACED int by_spawn(char **child) {
    COUNT();
    pid_t pid;
    int status = -1;
    if (posix_spawn(&pid, "/proc/self/exe", 0, 0, child, environ) == 0) waitpid(pid, &status, 0);
    return status;
}

int main(int count, char **arguments) {
    COUNT();
    if (count > 2 && !strcmp(arguments[2], "child")) {
        as_child(atoi(arguments[3]));
        printf("child %s\n", arguments[3]);
        return 3;
    }
    if (count > 2 && !strcmp(arguments[2], "again")) {
        int left = atoi(arguments[3]);
        as_child(left);
        if (left == 0) return 6;
        char next[16];
        snprintf(next, sizeof next, "%d", left - 1);
        char *again[] = {arguments[0], arguments[1], "again", next, 0};
        execv("/proc/self/exe", again);
        return 9;
    }
    char *child[] = {arguments[0], arguments[1], "child", "5", 0};
    report("vfork", by_vfork(child));
    report("fork", by_fork(child));
    report("spawn", by_spawn(child));
    char command[1024];
    snprintf(command, sizeof command, "exec %s %s child 8", arguments[0], arguments[1]);
    report("system", system(command));
    FILE *pipe = popen(command, "r");
    char line[64] = "";
    while (fgets(line, sizeof line, pipe)) printf("popen: %s", line);
    report("popen", pclose(pipe));
    char *again[] = {arguments[0], arguments[1], "again", "3", 0};
    execv("/proc/self/exe", again);
    return 9;
}
