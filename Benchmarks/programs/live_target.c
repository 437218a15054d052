/* A program to attach to: threads that call traced functions, and one that watches for stalls.
 *
 *   live_target CONTROL WATCHERS BUSY BLOCKED SECONDS
 *
 * WATCHERS  0 or 1: a thread that, while a window is open, calls traced functions in a tight loop and
 *           keeps the longest time between two calls; while none is open it sleeps.
 * BUSY      threads that call traced functions for 100 us, then sleep for 1 ms, over and over.
 * BLOCKED   threads in a system call that never ends by itself: read, sem_wait and epoll_wait in turn.
 * SECONDS   when the program ends by itself, at the latest.
 *
 * CONTROL is a file of one page that the harness shares with the program; native 8-byte words:
 *
 *   offset  written by  what
 *    0      program     1 when all threads run
 *    8      program     ticks of rdtsc in a second
 *   16      program     the watching thread's id, 0 without one
 *   24      harness     window: an odd number opens one, the next even number closes it
 *   32      program     the last number that the watching thread has acted on; after a closing
 *                       number, what the thread saw in that window stands from 40 on:
 *   40                  calls
 *   48                  gaps left out, because it had lost its CPU
 *   56                  longest gap, ticks
 *   64                  changes of a function's first byte that it saw
 *   72                  ticks from the first of them to the last
 *   80                  longest gap around the changes, ticks (struct watched)
 *   88                  gaps left out around the changes
 *   96      program     read, sem_wait or nanosleep calls that came back with EINTR
 *  104      program     epoll_wait calls that came back with EINTR
 *  112      harness     1 ends the program
 */
#include "traced_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>

struct control {
    _Atomic uint64_t ready, ticks_per_second, watcher, window, window_seen;
    struct watched seen;
    _Atomic uint64_t interrupted, interrupted_epoll, finish;
};

enum { busy_us = 100, rest_ns = 1000000, look_us = 100 };

static struct control *control;
static int never_written[2];
static sem_t never_posted;
static pthread_barrier_t started;

static void *watching(void *unused)
{
    (void)unused;
    pin_this_thread(1);
    control->watcher = (uint64_t)gettid();
    pthread_barrier_wait(&started);
    while (!control->finish) {
        uint64_t number = control->window;
        if (number % 2 == 0) {
            control->window_seen = number;
            usleep(look_us);
            continue;
        }
        control->window_seen = number;
        control->seen = watch(&control->window, number, control->ticks_per_second);
    }
    return NULL;
}

static void *busy(void *unused)
{
    (void)unused;
    uint64_t turn_ticks = control->ticks_per_second / 1000000 * busy_us;
    const struct timespec rest = {.tv_nsec = rest_ns};
    traced_function *const *next = __start_traced_functions;
    pthread_barrier_wait(&started);
    while (!control->finish) {
        for (uint64_t start = __rdtsc(); __rdtsc() - start < turn_ticks;) {
            (*next)(1);
            if (++next == __stop_traced_functions)
                next = __start_traced_functions;
        }
        if (nanosleep(&rest, NULL) != 0 && errno == EINTR)
            control->interrupted++;
    }
    return NULL;
}

static void *blocked(void *index)
{
    char byte;
    struct epoll_event event = {.events = EPOLLIN};
    int queue = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(queue, EPOLL_CTL_ADD, never_written[0], &event);
    pthread_barrier_wait(&started);
    for (;;) {
        long way = (long)index % 3;
        long result = way == 0   ? read(never_written[0], &byte, 1)
                      : way == 1 ? sem_wait(&never_posted)
                                 : epoll_wait(queue, &event, 1, -1);
        if (result >= 0 || errno != EINTR)
            abort();
        if (way == 2)
            control->interrupted_epoll++;
        else
            control->interrupted++;
    }
}

static void start(void *(*body)(void *), long count)
{
    for (long index = 0; index < count; index++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, body, (void *)index) != 0)
            abort();
    }
}

static struct control *mapped(const char *path)
{
    int file = open(path, O_RDWR);
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (file < 0 || page == MAP_FAILED) {
        perror(path);
        exit(2);
    }
    return page;
}

int main(int count, char **arguments)
{
    if (count != 6) {
        fprintf(stderr, "usage: live_target CONTROL WATCHERS BUSY BLOCKED SECONDS\n");
        return 2;
    }
    long watchers = atol(arguments[2]) != 0, busy_count = atol(arguments[3]), blocked_count = atol(arguments[4]);
    time_t end = time(NULL) + atol(arguments[5]);
    control = mapped(arguments[1]);
    control->ticks_per_second = measured_ticks_per_second();
    if (pipe(never_written) != 0 || sem_init(&never_posted, 0, 0) != 0)
        return 2;
    if (watchers)
        pin_this_thread(0);
    pthread_barrier_init(&started, NULL, (unsigned)(watchers + busy_count + blocked_count + 1));
    start(watching, watchers);
    start(busy, busy_count);
    start(blocked, blocked_count);
    pthread_barrier_wait(&started);
    control->ready = 1;
    while (!control->finish && time(NULL) < end)
        usleep(1000);
    _exit(0);
}
