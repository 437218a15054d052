#define _GNU_SOURCE
#include "process_support.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void redirect(const char *path, int flags, int target) {
    int fd = open(path, flags, 0644);
    if (fd < 0 || dup2(fd, target) < 0) _exit(126);
}

static void limit(int resource, uint64_t bytes) {
    if (!bytes) return;
    struct rlimit limits = {bytes, bytes};
    if (setrlimit(resource, &limits)) _exit(126);
}

// By system call: libc refuses to touch its two internal signals, which a parent may have left ignored.
static void set_disposition(int number, void (*handler)(int)) {
    struct { void (*handler)(int); unsigned long flags; void (*restorer)(void); unsigned long mask; } action = {handler, 0, 0, 0};
    syscall(SYS_rt_sigaction, number, &action, 0, 8);
}

// Between fork and exec: only async-signal-safe calls.
static void become(const char *program, char *const *arguments, char *const *environment,
                   char *const *files, process_limits limits) {
    setpgid(0, 0);
    sigset_t blocked;
    sigemptyset(&blocked);
    for (int i = 1; i < 64; i++) {
        set_disposition(i, limits.ignored_signals >> i & 1 ? SIG_IGN : SIG_DFL);
        if (limits.blocked_signals >> i & 1) sigaddset(&blocked, i);
    }
    sigprocmask(SIG_SETMASK, &blocked, 0);
    if (chdir(files[0])) _exit(126);
    redirect("/dev/null", O_RDONLY, 0);
    redirect(files[1], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 1);
    redirect(files[2], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 2);
    syscall(SYS_close_range, 3, ~0u, 0);
    limit(RLIMIT_FSIZE, limits.file_size_limit_bytes);
    limit(RLIMIT_AS, limits.memory_limit_bytes);
    struct rlimit descriptors;
    if (limits.descriptor_soft_limit && getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
        descriptors.rlim_cur = limits.descriptor_soft_limit;
        setrlimit(RLIMIT_NOFILE, &descriptors);
    }
    execve(program, arguments, environment);
    _exit(127);
}

int process_start(const char *program, char *const *arguments, char *const *environment,
                  char *const *files, process_limits limits) {
    pid_t pid = fork();
    if (pid < 0) return -errno;
    if (pid == 0) become(program, arguments, environment, files, limits);
    setpgid(pid, pid);
    return pid;
}

int process_await_end(int pid, int limit_millis) {
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) return errno == ESRCH ? 1 : -errno;
    struct pollfd one = {fd, POLLIN, 0};
    int result;
    do result = poll(&one, 1, limit_millis);
    while (result < 0 && errno == EINTR);
    close(fd);
    return result;
}

int process_wait(int pid, int limit_millis, int *status) {
    int ended = process_await_end(pid, limit_millis);
    if (ended == 0) kill(-pid, SIGKILL);
    pid_t waited;
    do waited = waitpid(pid, status, 0);
    while (waited < 0 && errno == EINTR);
    return waited < 0 ? -errno : ended;
}

int process_kill(int pid, int signal_number) { return kill(pid, signal_number); }
