// What goes on beside the workers: signals, forks, a library that comes and goes, short threads.
#define _GNU_SOURCE
#include "hammer.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t any_of_table(uint64_t *random) { return hammer_random(random) % hammer_table_range.count; }

// Signals: SIGPROF on the interrupted stack, SIGALRM on one of its own; each may interrupt the other.

static HAMMER_THREAD_LOCAL uint64_t handler_random __attribute__((tls_model("initial-exec")));

static void handle(int signal) {
    int error = errno;
    handler_random += (uint64_t)signal * 2 + 1;
    for (int i = 0; i < 3; i++) {
        uint64_t id = any_of_table(&handler_random);
        hammer_call(id, hammer_random(&handler_random));
    }
    hammer_count_round(HAMMER_SIGNALS, 1);
    errno = error;
}

void hammer_install_handlers(void) {
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    sigaction(SIGPROF, &action, 0);
    action.sa_flags |= SA_ONSTACK;
    sigaction(SIGALRM, &action, 0);
}

static timer_t start_timer(int signal, uint64_t nanos) {
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = signal};
    event._sigev_un._tid = (int)syscall(SYS_gettid);
    timer_t timer;
    if (timer_create(CLOCK_MONOTONIC, &event, &timer)) hammer_fail("timer_create: %s", strerror(errno));
    struct itimerspec times = {{0, (long)nanos}, {0, (long)nanos}};
    timer_settime(timer, 0, &times, 0);
    return timer;
}

void hammer_start_timers(struct hammer_timers *timers, uint64_t worker) {
    stack_t stack = {.ss_sp = malloc(1 << 17), .ss_size = 1 << 17};
    sigaltstack(&stack, 0);
    handler_random = hammer_options.seed * 31 + worker + 1;
    timers->timers[0] = start_timer(SIGPROF, 2000000 + worker * 10007);
    timers->timers[1] = start_timer(SIGALRM, 3000000 + worker * 20011);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPROF);
    sigaddset(&signals, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &signals, 0);
}

void hammer_end_timers(struct hammer_timers *timers) {
    hammer_block_signals();
    timer_delete(timers->timers[0]);
    timer_delete(timers->timers[1]);
}

// Forks. The child's code is a copy, and stays what it was unless the driver changes it too; so its
// calls are certain if no change began between before the fork and after the call.

static void snapshot_words(uint64_t *words) {
    for (uint64_t id = 0; id < hammer_function_count; id++) words[id] = hammer_load(&hammer_words_after[id & hammer_word_mask]);
}

// Whatever was going on at the fork: no page of it may be writable and executable.
static void check_mappings(void) {
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps) hammer_fail("/proc/self/maps: %s", strerror(errno));
    char line[4200];
    while (fgets(line, sizeof line, maps))
        if (strstr(line, " rwx")) hammer_fail("a forked child has %s", line);
    fclose(maps);
}

static void be_child(const uint64_t *words, uint64_t random) {
    hammer_words_before = words;
    if (!hammer_take_slot(HAMMER_FORKS)) _exit(0);
    check_mappings();
    for (int i = 0; i < 60; i++) {
        uint64_t id = any_of_table(&random);
        hammer_call(id, hammer_random(&random));
    }
    _exit(0);
}

static void wait_for(pid_t child) {
    int status;
    pid_t ended = waitpid(child, &status, 0);
    if (ended != child) hammer_fail("waitpid: %s", strerror(errno));
    if (WIFSIGNALED(status)) hammer_fail("child %d was killed by signal %d", child, WTERMSIG(status));
    if (WEXITSTATUS(status)) hammer_fail("child %d ended with status %d", child, WEXITSTATUS(status));
}

void *hammer_fork_thread(void *argument) {
    uint64_t *words = malloc(hammer_function_count * sizeof(uint64_t));
    uint64_t random = hammer_options.seed * 37 + 1;
    hammer_take_slot(HAMMER_FORKS);
    while (!hammer_is_stopping()) {
        hammer_hold_point();
        hammer_call(any_of_table(&random), hammer_random(&random));
        if (hammer_load(&hammer_header->slots_used) < hammer_header->slot_count) {
            snapshot_words(words);
            pid_t child = fork();
            if (child < 0) hammer_fail("fork: %s", strerror(errno));
            if (child == 0) be_child(words, hammer_random(&random));
            wait_for(child);
            hammer_count_round(HAMMER_FORKS, 1);
        }
        hammer_sleep(50000000);
    }
    free(words);
    return argument;
}

// A library: opened, called, closed, and then gone.

static void call_library(void *library, uint64_t *random) {
    for (uint64_t i = 0; i < hammer_library_range.count; i++) {
        uint64_t id = hammer_library_range.first + i;
        void *symbol = dlsym(library, hammer_table[id].name);
        if (!symbol) hammer_fail("dlsym: %s", dlerror());
        void (*entry)(void);
        memcpy(&entry, &symbol, sizeof entry);
        for (int n = 0; n < 10; n++) hammer_call_at(id, entry, hammer_random(random));
    }
}

void *hammer_library_thread(void *argument) {
    uint64_t random = hammer_options.seed * 41 + 1;
    hammer_take_slot(HAMMER_LIBRARY);
    while (!hammer_is_stopping()) {
        hammer_hold_point();
        void *library = dlopen(hammer_options.library, RTLD_NOW | RTLD_LOCAL);
        if (!library) hammer_fail("dlopen: %s", dlerror());
        call_library(library, &random);
        if (dlclose(library)) hammer_fail("dlclose: %s", dlerror());
        if (dlopen(hammer_options.library, RTLD_NOW | RTLD_NOLOAD)) hammer_fail("the library is still there");
        hammer_count_round(HAMMER_LIBRARY, 1);
        hammer_sleep(10000000);
    }
    return argument;
}

// Short threads.

static void *be_short(void *argument) {
    uint64_t random = (uintptr_t)argument;
    if (!hammer_take_slot(HAMMER_THREADS)) return 0;
    for (int i = 0; i < 200; i++) {
        uint64_t id = any_of_table(&random);
        hammer_call(id, hammer_random(&random));
    }
    hammer_count_round(HAMMER_THREADS, 1);
    return argument;
}

void *hammer_short_thread_maker(void *argument) {
    uint64_t random = hammer_options.seed * 43 + 1;
    while (!hammer_is_stopping()) {
        hammer_hold_point();
        if (hammer_load(&hammer_header->slots_used) + 2 <= hammer_header->slot_count) {
            pthread_t threads[2];
            for (int i = 0; i < 2; i++)
                if (pthread_create(&threads[i], 0, be_short, (void *)(uintptr_t)(hammer_random(&random) | 1)))
                    hammer_fail("pthread_create failed");
            for (int i = 0; i < 2; i++) pthread_join(threads[i], 0);
        }
        hammer_sleep(50000000);
    }
    return argument;
}

// Faults: where, and what stands there; then the program ends by the signal.

static const char *nearest(uint64_t address, uint64_t *distance) {
    const char *name = "?";
    *distance = UINT64_MAX;
    for (uint64_t id = 0; id < hammer_function_count; id++) {
        uint64_t entry = (uintptr_t)hammer_table[id].entry;
        if (!entry || entry > address || address - entry >= *distance) continue;
        *distance = address - entry;
        name = hammer_table[id].name;
    }
    return name;
}

static uint64_t interrupted_at(const ucontext_t *context) {
#if defined(__x86_64__)
    return (uint64_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return context->uc_mcontext.pc;
#else
    return context->uc_mcontext.arm_pc;
#endif
}

// The first that comes here reports, and ends the program; others wait for that.
static void report_fault(int signal, siginfo_t *info, void *context) {
    static int is_reported;
    if (__atomic_exchange_n(&is_reported, 1, __ATOMIC_SEQ_CST))
        for (;;) pause();
    uint64_t at = interrupted_at(context);
    uint64_t distance;
    const char *name = nearest(at, &distance);
    unsigned char bytes[16] = {0};
    struct iovec to = {bytes, sizeof bytes}, from = {(void *)(uintptr_t)at, sizeof bytes};
    ssize_t count = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
    char line[300];
    int length = snprintf(line, sizeof line, "hammer: thread %ld: signal %d at %#llx (%s+%#llx), address %p, bytes",
                          (long)syscall(SYS_gettid), signal, (unsigned long long)at, name,
                          (unsigned long long)distance, info->si_addr);
    for (ssize_t i = 0; i < count; i++)
        length += snprintf(line + length, sizeof line - (size_t)length, " %02x", bytes[i]);
    line[length++] = '\n';
    if (write(2, line, (size_t)length) < 0) length = 0;
    // It ends here even if the code is whole again by now: the signal is delivered on return.
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(signal, &action, 0);
    raise(signal);
}

void hammer_report_faults(void) {
    struct sigaction action = {.sa_sigaction = report_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, 0);
}
