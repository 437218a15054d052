// Threads that call traced functions in random order and check each result.
//
// hammer ORACLE LIMIT_SECONDS WORKERS [OPTION]...
//
// Ends with 0 when it was told to stop, 70 when something was wrong, 71 after LIMIT_SECONDS, 72 when
// its parent is gone, 64 when it was not understood.
#define _GNU_SOURCE
#include "hammer.h"

#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: hammer ORACLE LIMIT_SECONDS WORKERS [OPTION]...\n"
    "  --all            every activity\n"
    "  --signals --forks --library --threads --exceptions --epoll --pipe --condition --futex --sleep\n"
    "  --state STATE    of all functions at the start: off (default), on, changing\n"
    "  --calls N        stop when the workers have made N calls\n"
    "  --windows FOLDER the agent, without a host, switches all functions and writes its events there\n"
    "  --attached       with --windows: the agent comes later\n"
    "  --toggles N      stop when it has made N single stores\n"
    "  --slots N        slots for threads and children (default 4096)\n"
    "  --gap N          turns of an empty loop between two calls\n"
    "  --seed N         of the random numbers\n"
    "  --library-path P (default: beside the program, PROGRAM.library.so)\n"
    "  --verbose        say at the end what each activity did\n";

static const char *const activity_names[HAMMER_ACTIVITIES] = {
    "workers", "signals", "forks", "library", "threads", "exceptions", "epoll", "pipe", "condition", "futex", "sleep"};

struct hammer_options hammer_options = {.seed = 1};
static const char *oracle_path, *events_folder;
static uint64_t toggle_limit = ~UINT64_C(0);
static uint64_t limit_seconds, slot_count = 4096;
static enum hammer_state first_state = HAMMER_OFF;
static int is_verbose, is_attached;

static void misunderstood(void) {
    fputs(usage, stderr);
    exit(64);
}

static uint64_t number(const char *text) {
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    if (!*text || *end) misunderstood();
    return value;
}

static enum hammer_state state(const char *text) {
    if (!strcmp(text, "off")) return HAMMER_OFF;
    if (!strcmp(text, "on")) return HAMMER_ON;
    if (!strcmp(text, "changing")) return HAMMER_CHANGING;
    misunderstood();
    return HAMMER_OFF;
}

static const char *default_library(void) {
    static char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 32);
    if (length < 0) hammer_fail("/proc/self/exe");
    strcpy(path + length, ".library.so");
    return path;
}

static void parse(int count, char **arguments) {
    enum { ALL = 100, STATE, CALLS, SLOTS, GAP, SEED, LIBRARY_PATH, VERBOSE, WINDOWS, TOGGLES, ATTACHED };
    struct option options[32] = {{"all", 0, 0, ALL},       {"state", 1, 0, STATE}, {"calls", 1, 0, CALLS},
                                 {"slots", 1, 0, SLOTS},   {"gap", 1, 0, GAP},     {"seed", 1, 0, SEED},
                                 {"verbose", 0, 0, VERBOSE}, {"library-path", 1, 0, LIBRARY_PATH},
                                 {"windows", 1, 0, WINDOWS}, {"toggles", 1, 0, TOGGLES},
                                 {"attached", 0, 0, ATTACHED}};
    for (int i = 1; i < HAMMER_ACTIVITIES; i++) options[10 + i] = (struct option){activity_names[i], 0, 0, i};
    hammer_options.library = default_library();
    for (int option; (option = getopt_long(count, arguments, "", options, 0)) != -1;) switch (option) {
        case ALL: memset(hammer_options.active, 1, sizeof hammer_options.active); break;
        case STATE: first_state = state(optarg); break;
        case CALLS: hammer_options.call_limit = number(optarg); break;
        case SLOTS: slot_count = number(optarg); break;
        case GAP: hammer_options.gap = number(optarg); break;
        case SEED: hammer_options.seed = number(optarg); break;
        case LIBRARY_PATH: hammer_options.library = optarg; break;
        case VERBOSE: is_verbose = 1; break;
        case WINDOWS: events_folder = optarg; break;
        case ATTACHED: is_attached = 1; break;
        case TOGGLES: toggle_limit = number(optarg); break;
        case '?': misunderstood(); break;
        default: hammer_options.active[option] = 1;
        }
    if (count - optind != 3) misunderstood();
    oracle_path = arguments[optind];
    limit_seconds = number(arguments[optind + 1]);
    hammer_options.workers = number(arguments[optind + 2]);
    // Each thread that stays has a slot of its own.
    if (hammer_options.workers > 1000 || slot_count < hammer_options.workers + HAMMER_ACTIVITIES) misunderstood();
}

// Threads.

static pthread_t started[1100];
static unsigned started_count, running_count;
static int is_finished;

struct start {
    void *(*body)(void *);
    void *argument;
};

static void *run(void *argument) {
    struct start start = *(struct start *)argument;
    free(argument);
    __atomic_fetch_add(&running_count, 1, __ATOMIC_SEQ_CST);
    return start.body(start.argument);
}

void hammer_start(void *(*body)(void *), void *argument) {
    struct start *start = malloc(sizeof *start);
    *start = (struct start){body, argument};
    if (pthread_create(&started[started_count++], 0, run, start)) hammer_fail("pthread_create failed");
    __atomic_fetch_add(&hammer_header->callers, 1, __ATOMIC_SEQ_CST);
}

static uint64_t pick(uint64_t *random) {
    uint64_t count = hammer_load(&hammer_header->focus.count);
    uint64_t first = hammer_load(&hammer_header->focus.first);
    if (!count) return hammer_random(random) % hammer_table_range.count;
    return (first + hammer_random(random) % count) % hammer_table_range.count;
}

static void work_a_little(uint64_t *random) {
    enum { CALLS = 64 };
    for (int i = 0; i < CALLS; i++) {
        uint64_t id = pick(random);
        hammer_call(id, hammer_random(random));
        for (uint64_t turn = 0; turn < hammer_options.gap; turn++) HAMMER_PAUSE();
    }
    hammer_count_round(HAMMER_WORKERS, CALLS);
    uint64_t calls = __atomic_add_fetch(&hammer_header->calls, CALLS, __ATOMIC_SEQ_CST);
    if (hammer_options.call_limit && calls >= hammer_options.call_limit)
        __atomic_store_n(&hammer_header->stop, 1, __ATOMIC_SEQ_CST);
}

static void *work(void *argument) {
    uint64_t worker = (uintptr_t)argument, random = hammer_options.seed * 59 + worker + 1;
    struct hammer_timers timers;
    hammer_take_slot(HAMMER_WORKERS);
    if (hammer_options.active[HAMMER_SIGNALS]) hammer_start_timers(&timers, worker);
    while (!hammer_is_stopping()) {
        hammer_hold_point();
        work_a_little(&random);
    }
    if (hammer_options.active[HAMMER_SIGNALS]) hammer_end_timers(&timers);
    return 0;
}

static void start_all(void) {
    const unsigned char *active = hammer_options.active;
    hammer_report_faults();
    if (active[HAMMER_SIGNALS]) hammer_install_handlers();
    for (uint64_t i = 0; i < hammer_options.workers; i++) hammer_start(work, (void *)(uintptr_t)i);
    if (active[HAMMER_FORKS]) hammer_start(hammer_fork_thread, 0);
    if (active[HAMMER_LIBRARY]) hammer_start(hammer_library_thread, 0);
    if (active[HAMMER_THREADS]) hammer_start(hammer_short_thread_maker, 0);
    if (active[HAMMER_EXCEPTIONS]) hammer_start(hammer_exception_thread, 0);
    if (active[HAMMER_SLEEP]) hammer_start(hammer_sleep_thread, 0);
    hammer_start_pairs();
}

static void say_rounds(void) {
    for (int i = 0; i < HAMMER_ACTIVITIES; i++)
        if (hammer_header->rounds[i])
            fprintf(stderr, "hammer: %s %llu\n", activity_names[i], (unsigned long long)hammer_header->rounds[i]);
}

static void end_with(int status, const char *why) {
    say_rounds();
    fprintf(stderr, "hammer: %s\n", why);
    _exit(status);
}

// Ends the program where nobody else does.
static void *watch(void *argument) {
    pid_t parent = *(pid_t *)argument;
    uint64_t end = hammer_now() + limit_seconds * 1000000000;
    while (!__atomic_load_n(&is_finished, __ATOMIC_SEQ_CST)) {
        if (getppid() != parent) end_with(72, "the parent is gone");
        if (hammer_now() >= end) end_with(71, "did not end in its time");
        hammer_sleep(20000000);
    }
    return 0;
}

int main(int count, char **arguments) {
    pid_t parent = getppid();
    parse(count, arguments);
    hammer_block_signals();
    hammer_oracle_create(oracle_path, slot_count, first_state);
    if (events_folder) hammer_watch_windows(events_folder, toggle_limit, is_attached);
    pthread_t watcher;
    if (pthread_create(&watcher, 0, watch, &parent)) hammer_fail("pthread_create failed");
    start_all();
    while (__atomic_load_n(&running_count, __ATOMIC_SEQ_CST) < started_count) hammer_sleep(1000000);
    __atomic_store_n(&hammer_header->ready, 1, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; i < started_count; i++) pthread_join(started[i], 0);
    __atomic_store_n(&is_finished, 1, __ATOMIC_SEQ_CST);
    pthread_join(watcher, 0);
    if (is_verbose) say_rounds();
    puts("done");
    return 0;
}
