// A program that is attached to while it runs: threads that compute, throw, wait for what does not come, and are
// interrupted by signals. It notices every call that a tracer has cut short, and calls `exact` and `thrown` an exact
// number of times, once the file WORK/attached is there.
//
//   attached WORK      prints 'exact N, thrown N, handled some, waits 4' at the end
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <pthread.h>
#include <string>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace {
enum { workers = 3, exactCalls = 20000, thrownCalls = 2000 };
std::atomic<bool> isAttached, isOver;
std::atomic<unsigned long> handled, waits, sum;

[[noreturn]] void fail(const char *what) {
    fprintf(stderr, "attached: %s: errno %d\n", what, errno);
    _exit(70);
}

void check(bool holds, const char *what) {
    if (!holds) fail(what);
}
}

#define TRACED extern "C" __attribute__((noinline))

TRACED unsigned long step(unsigned long value) { return value * 2654435761u + 1; }
TRACED unsigned long exact(unsigned long value) { return step(value) ^ value; }
TRACED void thrown(unsigned long value) {
    if (step(value) != value) throw value;
}
// gcc 12 counts exception tables of 32-bit Arm from behind the NOPs, but unwinders from before them (docs/WORKAROUNDS.md).
#ifdef __arm__
#define CATCHING extern "C" __attribute__((noinline, patchable_function_entry(0)))
#else
#define CATCHING TRACED
#endif
CATCHING unsigned long catching(unsigned long value) {
    try {
        thrown(value);
    } catch (unsigned long caught) {
        return caught == value;
    }
    return 0;
}
TRACED void handle(int) {
    int before = errno;
    step(handled++);
    errno = before;
}

static bool exists(const std::string &path) { return access(path.c_str(), F_OK) == 0; }

static void *work(void *argument) {
    unsigned long value = reinterpret_cast<unsigned long>(argument);
    while (!isAttached) value = step(value);
    for (int i = 0; i < exactCalls; i++) value = exact(value);
    sum += value;
    return nullptr;
}

static void *throwAndCatch(void *) {
    while (!isAttached) check(catching(1), "an exception was lost");
    for (unsigned long i = 0; i < thrownCalls; i++) check(catching(i + 1), "an exception was lost");
    return nullptr;
}

// Calls that the kernel does not restart by itself when a tracer stops their thread.
static void *waitForEvents(void *argument) {
    int descriptor = *static_cast<int *>(argument);
    epoll_event event = {}, found;
    event.events = EPOLLIN;
    int set = epoll_create1(0);
    check(set >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &event) == 0, "epoll_ctl");
    check(epoll_wait(set, &found, 1, -1) == 1, "epoll_wait");
    waits++;
    return nullptr;
}

static void *waitForSignal(void *) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    int number = sigwaitinfo(&signals, nullptr);
    check(number == SIGUSR1, "sigwaitinfo");
    waits++;
    return nullptr;
}

static void *waitWithLimit(void *argument) {
    char byte;
    check(recv(*static_cast<int *>(argument), &byte, 1, 0) == 1, "recv");
    waits++;
    return nullptr;
}

static void *sleepOften(void *) {
    while (!isOver) {
        timespec start, end, time = {0, 20000000};
        clock_gettime(CLOCK_MONOTONIC, &start);
        check(nanosleep(&time, nullptr) == 0, "nanosleep");
        clock_gettime(CLOCK_MONOTONIC, &end);
        long long nanos = (end.tv_sec - start.tv_sec) * 1000000000LL + end.tv_nsec - start.tv_nsec;
        check(nanos >= time.tv_nsec, "nanosleep was short");
        step(1);
    }
    waits++;
    return nullptr;
}

static void blockAll(sigset_t *before) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, before);
}

int main(int argc, char **argv) {
    if (argc < 2) return 64;
    std::string folder = argv[1];
    int pipes[2], sockets[2];
    check(pipe(pipes) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0, "pipe");
    timeval limit = {300, 0};
    check(setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0, "setsockopt");
    struct sigaction action = {};
    action.sa_handler = handle;
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, nullptr);
    sigset_t before;
    blockAll(&before);
    // The waits block all signals; the others take the timer's.
    pthread_t threads[workers + 5];
    int count = 0;
    pthread_create(&threads[count++], nullptr, waitForEvents, &pipes[0]);
    pthread_create(&threads[count++], nullptr, waitForSignal, nullptr);
    pthread_create(&threads[count++], nullptr, waitWithLimit, &sockets[0]);
    pthread_create(&threads[count++], nullptr, sleepOften, nullptr);
    sigdelset(&before, SIGALRM);
    sigaddset(&before, SIGUSR1);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    for (long i = 0; i < workers; i++) pthread_create(&threads[count++], nullptr, work, reinterpret_cast<void *>(i));
    pthread_create(&threads[count++], nullptr, throwAndCatch, nullptr);
    itimerval timer = {{0, 2000}, {0, 2000}};
    setitimer(ITIMER_REAL, &timer, nullptr);
    close(open((folder + "/running").c_str(), O_WRONLY | O_CREAT, 0600));
    while (!exists(folder + "/attached")) usleep(10000);
    isAttached = true;
    for (int i = 4; i < count; i++) pthread_join(threads[i], nullptr);
    isOver = true;
    check(write(pipes[1], "x", 1) == 1 && write(sockets[1], "x", 1) == 1, "write");
    pthread_kill(threads[1], SIGUSR1);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], nullptr);
    timer = {};
    setitimer(ITIMER_REAL, &timer, nullptr);
    printf("exact %d, thrown %d, handled %s, waits %lu\n", workers * exactCalls, thrownCalls, handled > 0 ? "some" : "none", waits.load());
    return 0;
}
