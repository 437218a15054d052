// fork in a program with several threads: the child records under its own thread id, and so does
// the grandchild; a child that returns through frames which its parent entered; raw fork and clone, but not with
// "handlers".
#define _GNU_SOURCE
#include "count.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int stop;
static char clone_stack[65536] __attribute__((aligned(16)));

TRACED int small(int n) {
    COUNT();
    return n + 1;
}
TRACED int work(int n) {
    COUNT();
    int sum = 0;
    for (int i = 0; i < n; i++) sum += small(i);
    return sum;
}
TRACED void *busy(void *argument) {
    COUNT();
    while (!stop) work(3);
    return argument;
}
TRACED void grandchild(void) {
    COUNT();
    work(20);
}
TRACED void child(int with_grandchild) {
    COUNT();
    work(10);
    if (!with_grandchild) return;
    pid_t pid = fork();
    if (pid == 0) {
        grandchild();
        _exit(3);
    }
    int status;
    waitpid(pid, &status, 0);
    if (WEXITSTATUS(status) != 3) _exit(9);
}
UNTRACED static void await(const char *what, pid_t pid) {
    int status = 0;
    waitpid(pid, &status, 0);
    printf("%s %d\n", what, status);
    fflush(stdout);
}
TRACED int in_clone(void *argument) {
    count_new_thread();
    ENTER();
    work((int)(long)argument);
    EXIT();
    return 4;
}
TRACED pid_t forks_deep(int depth) {
    ENTER();
    pid_t pid = depth ? forks_deep(depth - 1) : fork();
    EXIT();
    return pid;
}

int main(int count, char **arguments) {
    COUNT();
    pthread_t threads[3];
    setvbuf(stdout, 0, _IOFBF, 4096);
    for (int i = 0; i < 3; i++) pthread_create(&threads[i], 0, busy, 0);
    for (int i = 0; i < 5; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            child(i % 2);
            _exit(i);
        }
        work(5);
        await("fork", pid);
    }
    const char *way = count > 2 ? arguments[2] : "";
    if (!strcmp(way, "handlers")) goto end;
#ifdef SYS_fork
    pid_t pid = syscall(SYS_fork);
#else
    pid_t pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
#endif
    if (pid == 0) {
        count_new_thread();
        work(7);
        _exit(2);
    }
    await("raw fork", pid);
    pid = clone(in_clone, clone_stack + sizeof clone_stack, SIGCHLD, (void *)6);
    await("clone", pid);
    if (!strcmp(way, "through")) {
        pid = forks_deep(10);
        if (pid == 0) {
            work(2);
            _exit(0);
        }
        await("through", pid);
    }
end:
    stop = 1;
    for (int i = 0; i < 3; i++) pthread_join(threads[i], 0);
}
