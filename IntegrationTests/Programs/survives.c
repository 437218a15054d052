// What servers and daemons do to their process; recording goes on through it. argv[2] names it.
#define _GNU_SOURCE
#include "count.h"
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t caught;

TRACED int small(int n) {
    COUNT();
    return n + 1;
}
// More than one block of events.
TRACED int work(int n) {
    COUNT();
    int sum = 0;
    for (int i = 0; i < n; i++) sum += small(i);
    return sum;
}
TRACED void *thread(void *argument) {
    COUNT();
    work(6000);
    return argument;
}
UNTRACED static void in_thread(size_t stack_bytes) {
    pthread_t id;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    if (stack_bytes) pthread_attr_setstacksize(&attributes, stack_bytes);
    if (pthread_create(&id, &attributes, thread, 0)) puts("no thread");
    else pthread_join(id, 0);
}
TRACED void close_each(void) {
    COUNT();
    work(3000);
    for (int fd = 3; fd < 65536; fd++) close(fd);
    work(20000);
    in_thread(0);
}
TRACED void close_range_from_3(void) {
    COUNT();
    closefrom(3);
    syscall(SYS_close_range, 3, ~0u, 0);
    work(20000);
    in_thread(0);
    pid_t pid = fork();
    if (pid == 0) {
        work(100);
        _exit(0);
    }
    waitpid(pid, 0, 0);
}
TRACED void reuse_descriptors(void) {
    COUNT();
    // A program that puts its own files where Nopal's may have been.
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    int null = open("/dev/null", O_RDWR);
    for (int fd = 10; fd < 1200 && fd < (int)limit.rlim_cur; fd++) dup2(null, fd);
    work(20000);
    in_thread(0);
}
TRACED void without_standard_files(void) {
    COUNT();
    close(0), close(1), close(2);
    work(20000);
    in_thread(0);
    // Nothing that Nopal opens may land on 0, 1 or 2.
    int first = open("/dev/null", O_RDWR);
    work(first == 0 ? 10 : 20);
}
TRACED void daemonizes(void) {
    COUNT();
    fflush(stdout);
    pid_t pid = fork();
    if (pid) {
        int status;
        waitpid(pid, &status, 0);
        printf("daemon left %d\n", status);
        return;
    }
    setsid();
    if (chdir("/")) _exit(1);
    umask(0);
    closefrom(3);
    work(20000);
    in_thread(0);
    _exit(4);
}
TRACED void changes_root(void) {
    COUNT();
    if (geteuid() == 0) {
        if (mkdir("empty", 0755) || chroot("empty") || chdir("/")) puts("chroot failed");
    }
    work(20000);
    in_thread(0);
}
TRACED void drops_privileges(void) {
    COUNT();
    if (geteuid() == 0 && (setgid(65534) || setuid(65534))) puts("setuid failed");
    work(20000);
    in_thread(0);
    pid_t pid = fork();
    if (pid == 0) {
        work(100);
        _exit(0);
    }
    waitpid(pid, 0, 0);
}
TRACED void on_signal(int number) {
    COUNT();
    small(number);
    caught++;
}
TRACED void small_signal_stack(void) {
    COUNT();
    // Room for the kernel's frame and a small handler, as programs that use the constant have it.
    static char stack_space[65536];
    long bytes = sysconf(_SC_MINSIGSTKSZ);
    stack_t stack = {.ss_sp = stack_space + 4096, .ss_size = bytes + 2048};
    memset(stack_space, 0x5a, sizeof stack_space);
    if (sigaltstack(&stack, 0)) puts("no signal stack");
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
    sigaction(SIGUSR1, &action, 0);
    for (int i = 0; i < 9000; i++) raise(SIGUSR1);
    int below = 1;
    for (int i = 0; i < 4096; i++) below &= stack_space[i] == 0x5a;
    printf("caught %d, below the stack %s\n", caught, below ? "untouched" : "overwritten");
}
TRACED void small_thread_stack(void) {
    COUNT();
    for (int i = 0; i < 10; i++) in_thread(PTHREAD_STACK_MIN);
}
TRACED void blocks_signals(void) {
    COUNT();
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, 0);
    work(20000);
    in_thread(0);
    raise(SIGUSR1), raise(SIGTRAP);
    sigset_t pending;
    sigpending(&pending);
    for (int i = 1; i < 65; i++)
        if (sigismember(&pending, i)) printf("pending %d\n", i);
}
TRACED void handles_signals(void) {
    COUNT();
    for (int i = 1; i < 32; i++) signal(i, on_signal);
    work(20000);
    for (int i = 1; i < 32; i++)
        if (i != SIGKILL && i != SIGSTOP) raise(i);
    __asm__ volatile("int3");
    in_thread(0);
    printf("caught %d\n", caught);
}
TRACED void ignores_signals(void) {
    COUNT();
    for (int i = 1; i < 32; i++) signal(i, SIG_IGN);
    work(20000);
    in_thread(0);
}
TRACED void limits_memory(void) {
    COUNT();
    struct rlimit limit = {0, 0};
    setrlimit(RLIMIT_MEMLOCK, &limit);
    limit.rlim_cur = limit.rlim_max = 3;
    setrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max = 0;
    setrlimit(RLIMIT_FSIZE, &limit);
    work(20000);
    in_thread(0);
}
TRACED void many_openings(void) {
    COUNT();
    // As far as the limit allows; the program must get every descriptor it would get untraced.
    struct rlimit limit = {64, 64};
    setrlimit(RLIMIT_NOFILE, &limit);
    int count = 0;
    while (open("/dev/null", O_RDONLY) >= 0) count++;
    work(20000);
    printf("opened %d\n", count);
}

int main(int count, char **arguments) {
    COUNT();
    static const struct { const char *name; void (*run)(void); } ways[] = {
        {"close_each", close_each}, {"close_range", close_range_from_3}, {"reuse_descriptors", reuse_descriptors},
        {"without_standard_files", without_standard_files}, {"daemonizes", daemonizes},
        {"changes_root", changes_root}, {"drops_privileges", drops_privileges},
        {"small_signal_stack", small_signal_stack}, {"small_thread_stack", small_thread_stack},
        {"blocks_signals", blocks_signals}, {"handles_signals", handles_signals},
        {"ignores_signals", ignores_signals}, {"limits", limits_memory}, {"many_openings", many_openings},
    };
    work(10);
    for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++)
        if (count > 2 && !strcmp(arguments[2], ways[i].name)) {
            ways[i].run();
            return 0;
        }
    return 9;
}
