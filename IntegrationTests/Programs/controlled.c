// A program that is attached to while it runs. It reads commands from standard input, one a line,
// and answers each with a line, so that a test knows when all its threads are quiet:
//
//   call N        every worker calls outer N times (outer calls inner twice)  -> called
//   noise 0|1     a thread calls noise() all the time, or not                 -> noise
//   park          a thread enters parked() and blocks there                   -> parking
//   leave         it returns from there                                       -> left RESULT
//   open PATH     dlopen a library and call its `plugged` once                -> opened RESULT
//   close         dlclose it                                                  -> closed
//   fork N        a child calls outer N times and exits                       -> child STATUS
//   wake N        N rounds of waking every sleeper                            -> woken
//   report        -> interrupted A wrong B
//   quit          -> bye
//
// Sleepers wait in system calls that a tracer's stop ends early, with every signal blocked: each
// counts how often its call failed, and rounds in which it was not woken by what was sent.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TRACED __attribute__((noinline, used))
#define UNTRACED __attribute__((noinline, no_instrument_function, patchable_function_entry(0, 0)))

enum { workers = 4 };

TRACED uint64_t inner(uint64_t x) { return x * 3 + 1; }
TRACED uint64_t outer(uint64_t x) { return inner(x) + inner(x + 1); }
TRACED uint64_t noise(uint64_t x) { return x ^ (x << 7); }

static int park_pipe[2];
TRACED long parked(long x) {
    char byte;
    while (read(park_pipe[0], &byte, 1) != 1) {}
    return x + byte;
}

static long interrupted, wrong;
static void add(long *counter) { __atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST); }

// Workers: a round is an amount of calls; all of them do it, then the last one tells.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t begin = PTHREAD_COND_INITIALIZER, finished = PTHREAD_COND_INITIALIZER;
static long round_number, amount, done;

UNTRACED static void calls(long n) {
    for (long i = 0; i < n; i++)
        if (outer(i) != (uint64_t)(6 * i + 5)) add(&wrong);
}

UNTRACED static void *worker(void *unused) {
    (void)unused;
    for (long seen = 0;;) {
        pthread_mutex_lock(&lock);
        while (round_number == seen) pthread_cond_wait(&begin, &lock);
        seen = round_number;
        long n = amount;
        pthread_mutex_unlock(&lock);
        calls(n);
        pthread_mutex_lock(&lock);
        if (++done == workers) pthread_cond_signal(&finished);
        pthread_mutex_unlock(&lock);
    }
}

UNTRACED static void call_round(long n) {
    pthread_mutex_lock(&lock);
    amount = n;
    done = 0;
    round_number++;
    pthread_cond_broadcast(&begin);
    while (done < workers) pthread_cond_wait(&finished, &lock);
    pthread_mutex_unlock(&lock);
}

static int is_noisy;
UNTRACED static void *noise_maker(void *unused) {
    (void)unused;
    for (uint64_t x = 1;; x++) {
        if (!__atomic_load_n(&is_noisy, __ATOMIC_ACQUIRE)) usleep(1000);
        else if (noise(x) != (x ^ (x << 7))) add(&wrong);
    }
}

UNTRACED static void *parker(void *result) {
    *(long *)result = parked(100);
    return 0;
}

// Sleepers: kind 0 epoll_wait, 1 read, 2 sem_wait, 3 semop, 4 sigtimedwait, 5 poll, 6 recv with a time limit
// that is never reached, 7 epoll_wait with a time limit, 8 nanosleep.
enum { kinds = 9 };
static int events[kinds][2];
static sem_t semaphore;
static int system_semaphores;
static pthread_t sleepers[kinds];
static sem_t rounds_done;

UNTRACED static int take(int kind) {
    uint64_t value;
    return read(events[kind][0], &value, 8) == 8 ? 0 : -1;
}

UNTRACED static int sleep_once(int kind, int set) {
    struct epoll_event event;
    struct pollfd descriptor = {events[kind][0], POLLIN, 0};
    struct sembuf down = {0, -1, 0};
    struct timespec hour = {3600, 0}, moment = {0, 1000000};
    sigset_t signals;
    uint64_t value;
    switch (kind) {
    case 0: return epoll_wait(set, &event, 1, -1) == 1 ? take(kind) : -1;
    case 1: return take(kind);
    case 2: return sem_wait(&semaphore);
    case 3: return semop(system_semaphores, &down, 1);
    case 4:
        sigemptyset(&signals);
        sigaddset(&signals, SIGRTMIN + 3);
        return sigtimedwait(&signals, 0, &hour) == SIGRTMIN + 3 ? 0 : -1;
    case 5: return poll(&descriptor, 1, -1) == 1 ? take(kind) : -1;
    case 6: return recv(events[kind][0], &value, 8, 0) == 8 ? 0 : -1;
    case 7: return epoll_wait(set, &event, 1, 3600000) == 1 ? take(kind) : -1;
    default:
        if (nanosleep(&moment, 0)) return -1;
        return take(kind);
    }
}

UNTRACED static void *sleeper(void *argument) {
    int kind = (int)(intptr_t)argument, set = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    if (kind == 0 || kind == 7) epoll_ctl(set, EPOLL_CTL_ADD, events[kind][0], &event);
    for (;;) {
        while (sleep_once(kind, set)) {
            add(errno == EINTR ? &interrupted : &wrong);
            if (errno != EINTR) return 0;
        }
        sem_post(&rounds_done);
    }
}

UNTRACED static void wake(int kind) {
    struct sembuf up = {0, 1, 0};
    uint64_t one = 1;
    switch (kind) {
    case 2: sem_post(&semaphore); break;
    case 3: if (semop(system_semaphores, &up, 1)) add(&wrong); break;
    case 4: pthread_kill(sleepers[4], SIGRTMIN + 3); break;
    default: if (write(events[kind][1], &one, 8) != 8) add(&wrong);
    }
}

UNTRACED static void start_sleepers(void) {
    system_semaphores = semget(IPC_PRIVATE, 1, 0600);
    sem_init(&semaphore, 0, 0);
    sem_init(&rounds_done, 0, 0);
    for (int kind = 0; kind < kinds; kind++) {
        if (kind == 6) {
            struct timeval hour = {3600, 0};
            socketpair(AF_UNIX, SOCK_SEQPACKET, 0, events[kind]);
            setsockopt(events[kind][0], SOL_SOCKET, SO_RCVTIMEO, &hour, sizeof hour);
        } else {
            events[kind][0] = events[kind][1] = eventfd(0, 0);
        }
    }
    sigset_t all, before;
    sigfillset(&all);
    sigdelset(&all, SIGTRAP);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int kind = 0; kind < kinds; kind++)
        pthread_create(&sleepers[kind], 0, sleeper, (void *)(intptr_t)kind);
    pthread_sigmask(SIG_SETMASK, &before, 0);
}

UNTRACED static int fork_round(long n) {
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        calls(n);
        _exit(wrong ? 1 : 0);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return status;
}

static void *library;
UNTRACED static long open_library(const char *path) {
    library = dlopen(path, RTLD_NOW);
    long (*plugged)(long) = library ? (long (*)(long))dlsym(library, "plugged") : 0;
    return plugged ? plugged(20) : -1;
}

UNTRACED static void answer(const char *text, long value) {
    char line[128];
    int n = snprintf(line, sizeof line, "%s %ld\n", text, value);
    if (write(1, line, n) != n) _exit(3);
}

UNTRACED int main(void) {
    pthread_t thread, parking;
    long parked_result = 0;
    if (pipe(park_pipe)) return 2;
    for (int i = 0; i < workers; i++) pthread_create(&thread, 0, worker, 0);
    pthread_create(&thread, 0, noise_maker, 0);
    start_sleepers();
    answer("ready", getpid());
    char line[4096];
    while (fgets(line, sizeof line, stdin)) {
        long n = atol(strchr(line, ' ') ? strchr(line, ' ') : "0");
        line[strcspn(line, "\n")] = 0;
        if (!strncmp(line, "call ", 5)) call_round(n), answer("called", n);
        else if (!strncmp(line, "noise ", 6)) __atomic_store_n(&is_noisy, n, __ATOMIC_RELEASE), answer("noise", n);
        else if (!strcmp(line, "park")) pthread_create(&parking, 0, parker, &parked_result), answer("parking", 0);
        else if (!strcmp(line, "leave")) {
            if (write(park_pipe[1], "\x07", 1) != 1) add(&wrong);
            pthread_join(parking, 0);
            answer("left", parked_result);
        } else if (!strncmp(line, "open ", 5)) answer("opened", open_library(line + 5));
        else if (!strcmp(line, "close")) answer("closed", dlclose(library));
        else if (!strncmp(line, "fork ", 5)) answer("child", fork_round(n));
        else if (!strncmp(line, "wake ", 5)) {
            for (long i = 0; i < n; i++) {
                for (int kind = 0; kind < kinds; kind++) wake(kind);
                for (int kind = 0; kind < kinds; kind++) while (sem_wait(&rounds_done)) add(&interrupted);
            }
            answer("woken", n);
        } else if (!strcmp(line, "report")) answer("interrupted", interrupted), answer("wrong", wrong);
        else if (!strcmp(line, "quit")) break;
        else answer("unknown", 0);
    }
    semctl(system_semaphores, 0, IPC_RMID);
    answer("bye", 0);
    _exit(0);
}
