#define _GNU_SOURCE
#include "csupport.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int nopal_memory_file(const char *name) {
    int file = memfd_create(name, MFD_CLOEXEC);
    return file < 0 ? -errno : file;
}

void nopal_futex_wait(void *at, uint32_t expected, int64_t timeout_nanos) {
    struct timespec time = {timeout_nanos / 1000000000, timeout_nanos % 1000000000};
    syscall(SYS_futex, at, FUTEX_WAIT, expected, &time, NULL, 0);
}

void nopal_futex_wake(void *at) { syscall(SYS_futex, at, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0); }

int nopal_thread_exists(pid_t process, pid_t thread) {
    return syscall(SYS_tgkill, process, thread, 0) == 0 || errno != ESRCH;
}

ssize_t nopal_send_packet(int socket, const void *bytes, size_t count, int descriptor) {
    struct iovec vector = {(void *)bytes, count};
    union {
        char room[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (descriptor >= 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.room;
        message.msg_controllen = sizeof control.room;
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(head), &descriptor, sizeof(int));
    }
    ssize_t sent;
    do sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

ssize_t nopal_receive_packet(int socket, void *bytes, size_t count, int *descriptor) {
    struct iovec vector = {bytes, count};
    union {
        char room[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
    *descriptor = -1;
    ssize_t got;
    do got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    struct cmsghdr *head = got < 0 ? NULL : CMSG_FIRSTHDR(&message);
    if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) memcpy(descriptor, CMSG_DATA(head), sizeof(int));
    return got < 0 ? -errno : got;
}

int nopal_connect(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    int connection = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (connection < 0) return -errno;
    // Whoever listens may hang: nobody waits for it for ever.
    struct timeval limit = {.tv_sec = 60};
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(connection, (struct sockaddr *)&address, sizeof address) == 0) return connection;
    int failure = -errno;
    close(connection);
    return failure;
}

int64_t nopal_peer_user(int socket) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ? -1 : (int64_t)peer.uid;
}

int64_t nopal_peer_process(int socket) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ? -1 : (int64_t)peer.pid;
}

int nopal_listen(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0) return -errno;
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 4096) < 0) {
        int failure = -errno;
        close(listener);
        return failure;
    }
    return listener;
}

int nopal_accept(int listener) {
    int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    return connection < 0 ? -errno : connection;
}

// Not posix_spawn: glibc's leaves its two internal signals ignored in the child.
pid_t nopal_spawn(const char *path, char *const arguments[], char *const environment[]) {
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0) return -errno;
    pid_t process = fork();
    if (process == 0) {
        execve(path, arguments, environment);
        int failure = errno;
        ssize_t told = write(report[1], &failure, sizeof failure);
        _exit(told == sizeof failure ? 127 : 126);
    }
    int failure = process < 0 ? errno : 0;
    close(report[1]);
    ssize_t count = 0;
    if (process > 0) do count = read(report[0], &failure, sizeof failure);
        while (count < 0 && errno == EINTR);
    close(report[0]);
    if (process > 0 && count == sizeof failure) waitpid(process, NULL, 0);
    return failure ? -failure : process;
}

int nopal_has_core_sync(void) {
    long offered = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    return offered > 0 && (offered & MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE) != 0;
}

uint64_t nopal_clock_nanos(int clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

void nopal_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int nopal_wait_status_exited(int status) { return WIFEXITED(status); }
int nopal_wait_status_code(int status) { return WEXITSTATUS(status); }
int nopal_wait_status_signal(int status) { return WTERMSIG(status); }
