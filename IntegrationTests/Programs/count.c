// See count.h. Compiled without instrumentation and linked into every traced program.
#define _GNU_SOURCE
#include "count.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// The file's shape, read by Account.swift: a page of header, 64 names of 64 bytes, then one slot
// a thread. All integers little-endian.
enum { functions_max = 64, name_bytes = 64, threads_max = 16384 };

struct counters {
    uint64_t entries, exits, unwound;
};

struct slot {
    unsigned tid;
    unsigned reserved[3];
    struct counters of[functions_max];
};

struct account {
    uint64_t magic;
    unsigned function_count;
    unsigned thread_count;
    char rest_of_page[4096 - 16];
    char names[functions_max][name_bytes];
    struct slot slots[threads_max];
};

static struct account *account;
static __thread struct slot *mine __attribute__((tls_model("initial-exec")));

// std::uncaught_exceptions() of either C++ library; absent from C programs.
extern int _ZSt19uncaught_exceptionsv(void) __attribute__((weak));

static void stop(const char *why) {
    dprintf(2, "count.c: %s\n", why);
    _exit(99);
}

static void argument(char *path, size_t size) {
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    char text[4096];
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (length <= 0) stop("no /proc/self/cmdline");
    close(fd);
    text[length] = 0;
    size_t skip = strlen(text) + 1;
    if (skip >= (size_t)length || strlen(text + skip) >= size) stop("argv[1] must be the account's path");
    strcpy(path, text + skip);
}

void count_new_thread(void) { mine = 0; }

__attribute__((constructor(101))) static void count_open(void) {
    if (account) return;
    int before = errno;
    char path[1024];
    argument(path, sizeof path);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 || ftruncate(fd, sizeof *account)) stop("the account cannot be opened");
    account = mmap(0, sizeof *account, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (account == MAP_FAILED) stop("the account cannot be mapped");
    close(fd);
    account->magic = 0x746e756f6363616eul;
    pthread_atfork(0, 0, count_new_thread);
    errno = before;
}

static struct slot *slot(void) {
    if (mine) return mine;
    if (!account) count_open();
    unsigned index = __atomic_fetch_add(&account->thread_count, 1, __ATOMIC_RELAXED);
    if (index >= threads_max) stop("too many threads");
    account->slots[index].tid = syscall(SYS_gettid);
    return mine = &account->slots[index];
}

// A signal handler may come in between: then a name stands twice, and the reader adds the two.
static int function_index(const char *name) {
    if (!account) count_open();
    unsigned used = __atomic_load_n(&account->function_count, __ATOMIC_ACQUIRE);
    for (unsigned i = 0; i < used && i < functions_max; i++)
        if (!strcmp(account->names[i], name)) return i + 1;
    unsigned index = __atomic_fetch_add(&account->function_count, 1, __ATOMIC_ACQ_REL);
    if (index >= functions_max) stop("too many functions");
    if (strlen(name) >= name_bytes) stop("too long a name");
    strcpy(account->names[index], name);
    return index + 1;
}

static struct counters *counters(struct count_site *site) {
    int index = __atomic_load_n(&site->index, __ATOMIC_RELAXED);
    if (!index) __atomic_store_n(&site->index, index = function_index(site->name), __ATOMIC_RELAXED);
    return &slot()->of[index - 1];
}

static void add(uint64_t *counter, long n) { __atomic_fetch_add(counter, n, __ATOMIC_RELAXED); }

void count_enter(struct count_site *site) { add(&counters(site)->entries, 1); }
void count_exit(struct count_site *site) { add(&counters(site)->exits, 1); }

static unsigned exceptions_in_flight(void) {
    return _ZSt19uncaught_exceptionsv ? _ZSt19uncaught_exceptionsv() : 0;
}

void count_frame_begin(struct count_frame *frame) {
    count_enter(frame->site);
    frame->exceptions = exceptions_in_flight();
}

void count_frame_end(struct count_frame *frame) {
    int is_unwinding = frame->is_explicit ? !frame->returned
                                          : exceptions_in_flight() > frame->exceptions;
    struct counters *of = counters(frame->site);
    add(is_unwinding ? &of->unwound : &of->exits, 1);
}

void count_for(const char *name, long entries, long exits, long unwound) {
    struct count_site site = {name, 0};
    struct counters *of = counters(&site);
    add(&of->entries, entries);
    add(&of->exits, exits);
    add(&of->unwound, unwound);
}
