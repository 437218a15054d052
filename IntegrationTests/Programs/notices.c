// Prints what a program can see of itself and of its children; argv[2] names the part. Traced or
// not, the text must be the same. Every look is taken from within traced functions.
#define _GNU_SOURCE
#include "count.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

UNTRACED static void show_environment(char **list) {
    for (; *list; list++) puts(*list);
}
UNTRACED static void show_file(const char *path, const char *only) {
    FILE *file = fopen(path, "r");
    char line[8192];
    while (file && fgets(line, sizeof line, file))
        if (!only || strncmp(line, only, strlen(only)) == 0) fputs(line, stdout);
    if (file) fclose(file);
}
// Descriptors from 1000 on may be Nopal's own.
UNTRACED static void show_descriptors(void) {
    DIR *directory = opendir("/proc/self/fd");
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        int fd = atoi(entry->d_name);
        if (isdigit(entry->d_name[0]) && fd < 1000 && fd != dirfd(directory)) printf("fd %d\n", fd);
    }
    closedir(directory);
    int next = open("/dev/null", O_RDONLY);
    printf("the next is %d\n", next);
    close(next);
}

TRACED void environment(void) {
    COUNT();
    show_environment(environ);
    printf("preload %s\n", getenv("LD_PRELOAD") ? getenv("LD_PRELOAD") : "none");
    fflush(stdout);
}
TRACED void kernel_environment(void) {
    COUNT();
    FILE *file = fopen("/proc/self/environ", "r");
    for (int c; (c = fgetc(file)) != EOF;) putchar(c ? c : '\n');
    fclose(file);
}
TRACED void child_environment(void) {
    COUNT();
    fflush(stdout);
    // env(1) is not traced; what the agent hands on to it shows.
    if (system("env | grep -v -e ^_= -e ^PWD=")) puts("system failed");
    char *command[] = {"env", 0};
    pid_t pid;
    posix_spawnp(&pid, "env", 0, 0, command, environ);
    waitpid(pid, 0, 0);
    pid = vfork();
    if (pid == 0) {
        execlp("env", "env", (char *)0);
        _exit(1);
    }
    waitpid(pid, 0, 0);
    pid = fork();
    if (pid == 0) {
        char *given[] = {"ONLY=this", 0};
        execle("/usr/bin/env", "env", (char *)0, given);
        _exit(1);
    }
    waitpid(pid, 0, 0);
    setenv("ADDED", "later", 1);
    unsetenv("HOME");
    if (system("env | grep -v -e ^_= -e ^PWD=")) puts("system failed");
    clearenv();
    if (system("/usr/bin/env | grep -v -e ^_= -e ^PWD= | grep -v ^SHLVL=")) puts("nothing left");
}
TRACED void descriptors(void) {
    COUNT();
    show_descriptors();
}
// What children are left with. ls is dynamic, so the agent follows it there: its own descriptors
// from 1000 on do not count. The static helper cannot be followed, and sees all there is.
TRACED void child_descriptors(void) {
    COUNT();
    fflush(stdout);
    char helper[1024], *command[] = {"helper", 0};
    ssize_t length = readlink("/proc/self/exe", helper, sizeof helper - 8);
    strcpy(helper + length, ".helper");
    pid_t pid;
    if (posix_spawn(&pid, helper, 0, 0, command, environ)) puts("no helper");
    else waitpid(pid, 0, 0);
    pid = fork();
    if (pid == 0) {
        execv(helper, command);
        _exit(1);
    }
    waitpid(pid, 0, 0);
    pid = vfork();
    if (pid == 0) {
        execv(helper, command);
        _exit(1);
    }
    waitpid(pid, 0, 0);
    if (system("ls /proc/self/fd | awk '$1 < 1000'")) puts("system failed");
}
TRACED void identity(int count, char **arguments) {
    COUNT();
    for (int i = 2; i < count; i++) printf("argument %d %s\n", i, arguments[i]);
    printf("%s %s\n", program_invocation_name, program_invocation_short_name);
    show_file("/proc/self/comm", 0);
    mode_t mask = umask(022);
    printf("umask %o\n", mask);
    char *cwd = getcwd(0, 0);
    printf("cwd %s\n", strrchr(cwd, '/'));
    printf("dumpable %d no_new_privs %d death signal %d\n", prctl(PR_GET_DUMPABLE), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
           prctl(PR_GET_PDEATHSIG, &count));
    show_file("/proc/self/status", "Threads");
    show_file("/proc/self/status", "Seccomp:");
    show_file("/proc/self/status", "TracerPid");
    show_file("/proc/self/status", "NoNewPrivs");
    for (int i = 0; i < RLIM_NLIMITS; i++) {
        struct rlimit limit;
        getrlimit(i, &limit);
        printf("limit %d %lx %lx\n", i, (long)limit.rlim_cur, (long)limit.rlim_max);
    }
    printf("nice %d alarm %d\n", getpriority(PRIO_PROCESS, 0), alarm(0));
    printf("children %d\n", wait(0) == -1 && errno == ECHILD);
}
TRACED void signals(void) {
    COUNT();
    static const char *const lines[] = {"SigPnd", "SigBlk", "SigIgn", "SigCgt", "ShdPnd"};
    for (int i = 0; i < 5; i++) show_file("/proc/self/status", lines[i]);
    for (int i = 1; i < 65; i++) {
        struct sigaction action;
        if (sigaction(i, 0, &action) == 0 && action.sa_handler != SIG_DFL) printf("signal %d is not default\n", i);
    }
    sigset_t set;
    sigprocmask(SIG_SETMASK, 0, &set);
    for (int i = 1; i < 65; i++)
        if (sigismember(&set, i)) printf("signal %d is blocked\n", i);
    stack_t stack;
    sigaltstack(0, &stack);
    printf("alternate stack %d\n", stack.ss_flags);
}
TRACED int touch(int n) {
    COUNT();
    return n + 1;
}
TRACED void error_numbers(void) {
    COUNT();
    for (int i = 0; i < 20000; i++) {
        errno = i % 130;
        touch(i);
        if (errno != i % 130) printf("errno changed from %d to %d\n", i % 130, errno);
    }
    puts("errno kept");
}

static int ends[2];
static int futex_word;
static pthread_barrier_t barrier;
TRACED void *feeds(void *argument) {
    COUNT();
    pthread_barrier_wait(&barrier);
    // Long enough to fill several blocks while the main thread is blocked.
    for (int i = 0; i < 60000; i++) touch(i);
    if (write(ends[1], "x", 1) != 1) puts("write failed");
    __atomic_store_n(&futex_word, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &futex_word, FUTEX_WAKE, 1, 0, 0, 0);
    return argument;
}
UNTRACED static void with_feeder(const char *what, long (*wait)(void)) {
    pthread_t thread;
    futex_word = 0;
    pthread_create(&thread, 0, feeds, 0);
    pthread_barrier_wait(&barrier);
    errno = 0;
    long result = wait();
    printf("%s %ld %s\n", what, result, strerror(errno));
    pthread_join(thread, 0);
    char drain[16];
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    while (read(ends[0], drain, sizeof drain) > 0) {}
    fcntl(ends[0], F_SETFL, 0);
}
TRACED long by_read(void) {
    COUNT();
    char c;
    return read(ends[0], &c, 1);
}
TRACED long by_poll(void) {
    COUNT();
    struct pollfd one = {ends[0], POLLIN, 0};
    return poll(&one, 1, -1);
}
TRACED long by_epoll(void) {
    COUNT();
    int epoll = epoll_create1(0);
    struct epoll_event event = {EPOLLIN, {0}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event);
    long result = epoll_wait(epoll, &event, 1, -1);
    int before = errno;
    close(epoll);
    errno = before;
    return result;
}
TRACED long by_futex(void) {
    COUNT();
    long result = 0;
    while (!__atomic_load_n(&futex_word, __ATOMIC_SEQ_CST) && result == 0)
        result = syscall(SYS_futex, &futex_word, FUTEX_WAIT, 0, 0, 0, 0);
    // Woken, or too late to sleep; but not interrupted.
    return result == -1 && errno == EAGAIN ? (errno = 0) : result;
}
TRACED long by_sleep(void) {
    COUNT();
    struct timespec time = {0, 30000000};
    return nanosleep(&time, 0);
}
TRACED long by_signal_wait(void) {
    COUNT();
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    struct timespec time = {0, 20000000};
    long result = sigtimedwait(&set, 0, &time);
    if (errno == EAGAIN) errno = 0;
    return result;
}
TRACED void blocking(void) {
    COUNT();
    if (pipe(ends)) puts("no pipe");
    pthread_barrier_init(&barrier, 0, 2);
    with_feeder("read", by_read);
    with_feeder("poll", by_poll);
    with_feeder("epoll", by_epoll);
    with_feeder("futex", by_futex);
    with_feeder("nanosleep", by_sleep);
    with_feeder("sigtimedwait", by_signal_wait);
}
UNTRACED static int each_module(struct dl_phdr_info *info, size_t size, void *first) {
    (void)size;
    if (*(int *)first) printf("first module '%s'\n", info->dlpi_name);
    *(int *)first = 0;
    return 0;
}
TRACED void modules(void) {
    COUNT();
    int first = 1;
    dl_iterate_phdr(each_module, &first);
}

int main(int count, char **arguments) {
    COUNT();
    const char *part = count > 2 ? arguments[2] : "identity";
    if (!strcmp(part, "environment")) environment();
    if (!strcmp(part, "kernel_environment")) kernel_environment();
    if (!strcmp(part, "child_environment")) child_environment();
    if (!strcmp(part, "descriptors")) descriptors();
    if (!strcmp(part, "child_descriptors")) child_descriptors();
    if (!strcmp(part, "identity")) identity(count, arguments), modules();
    if (!strcmp(part, "signals")) signals();
    if (!strcmp(part, "error_numbers")) error_numbers();
    if (!strcmp(part, "blocking")) blocking();
}
