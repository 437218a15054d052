// The oracle's file, slots, pauses, and how the program fails.
#define _GNU_SOURCE
#include "hammer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct hammer_header *hammer_header;
const uint64_t *hammer_words_before, *hammer_words_after;
uint64_t hammer_word_mask = ~UINT64_C(0);
HAMMER_THREAD_LOCAL struct hammer_slot *hammer_slot;

static uint64_t rounded(uint64_t byte_count) { return (byte_count + HAMMER_PAGE - 1) / HAMMER_PAGE * HAMMER_PAGE; }

static struct hammer_header layout(uint64_t slot_count) {
    struct hammer_header header = {.magic = HAMMER_MAGIC,
                                   .function_count = hammer_function_count,
                                   .slot_count = slot_count,
                                   .states_offset = HAMMER_PAGE,
                                   .process = (uint64_t)getpid(),
                                   .table = hammer_table_range,
                                   .through = hammer_through_range,
                                   .library = hammer_library_range,
                                   .throwing = hammer_throwing_range};
    header.names_offset = rounded(header.states_offset + hammer_function_count * sizeof(uint64_t));
    header.slots_offset = rounded(header.names_offset + hammer_function_count * sizeof(struct hammer_name));
    header.slot_byte_count =
        rounded(sizeof(struct hammer_slot) + hammer_function_count * sizeof(struct hammer_counts));
    return header;
}

static void fill(char *base, const struct hammer_header *header, enum hammer_state state) {
    uint64_t *words = (uint64_t *)(base + header->states_offset);
    struct hammer_name *names = (struct hammer_name *)(base + header->names_offset);
    for (uint64_t id = 0; id < hammer_function_count; id++) {
        words[id] = state;
        names[id].address = (uintptr_t)hammer_table[id].entry;
        snprintf(names[id].name, sizeof names[id].name, "%s", hammer_table[id].name);
    }
    *(struct hammer_header *)base = *header;
}

// The file appears under its name when it is complete.
void hammer_oracle_create(const char *path, uint64_t slot_count, enum hammer_state state) {
    char partial[4096];
    snprintf(partial, sizeof partial, "%s.partial", path);
    struct hammer_header header = layout(slot_count);
    uint64_t byte_count = header.slots_offset + slot_count * header.slot_byte_count;
    int file = open(partial, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0 || ftruncate(file, (off_t)byte_count)) hammer_fail("%s: %s", partial, strerror(errno));
    char *base = mmap(0, byte_count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (base == MAP_FAILED) hammer_fail("mmap: %s", strerror(errno));
    close(file);
    fill(base, &header, state);
    hammer_header = (struct hammer_header *)base;
    hammer_words_before = hammer_words_after = (uint64_t *)(base + header.states_offset);
    if (rename(partial, path)) hammer_fail("%s: %s", path, strerror(errno));
}

// Of the first page of the events' file: StandalonePlan.Events.
enum { EVENTS_TOGGLES = 584, EVENTS_FORM = 608 };

static const char *events;
static uint64_t limit;
static char events_path[4096];

// What all functions are until somebody attaches: off.
static const uint64_t untraced;

static void watch_words(const uint64_t *words) {
    __atomic_store_n(&hammer_words_before, words, __ATOMIC_SEQ_CST);
    __atomic_store_n(&hammer_words_after, words, __ATOMIC_SEQ_CST);
    hammer_word_mask = 0;
}

static int find_events(void) {
    struct stat status;
    int file = open(events_path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    int is_whole = !fstat(file, &status) && status.st_size >= HAMMER_PAGE;
    if (is_whole) events = mmap(0, HAMMER_PAGE, PROT_READ, MAP_SHARED, file, 0);
    if (events == MAP_FAILED) hammer_fail("mmap: %s", strerror(errno));
    close(file);
    if (is_whole) watch_words((const uint64_t *)(events + EVENTS_FORM));
    return is_whole;
}

static void *count_toggles(void *argument) {
    while (!events && !find_events() && !hammer_is_stopping()) hammer_sleep(1000000);
    while (events && hammer_load((const uint64_t *)(events + EVENTS_TOGGLES)) < limit && !hammer_is_stopping()) hammer_sleep(10000000);
    __atomic_store_n(&hammer_header->stop, 1, __ATOMIC_SEQ_CST);
    return argument;
}

void hammer_watch_windows(const char *folder, uint64_t toggle_limit, int is_attached) {
    pthread_t thread;
    snprintf(events_path, sizeof events_path, "%s/nopal.%d.events", folder, getpid());
    if (is_attached) watch_words(&untraced);
    else if (!find_events()) hammer_fail("%s: %s", events_path, strerror(errno));
    limit = toggle_limit;
    if (pthread_create(&thread, 0, count_toggles, 0) || pthread_detach(thread)) hammer_fail("pthread_create failed");
}

int hammer_take_slot(enum hammer_activity activity) {
    uint64_t index = hammer_load(&hammer_header->slots_used);
    do
        if (index >= hammer_header->slot_count) return 0;
    while (!__atomic_compare_exchange_n(&hammer_header->slots_used, &index, index + 1, 0, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST));
    hammer_slot = (struct hammer_slot *)((char *)hammer_header + hammer_header->slots_offset +
                                         index * hammer_header->slot_byte_count);
    hammer_slot->activity = activity;
    hammer_slot->pid = (uint32_t)getpid();
    __atomic_store_n(&hammer_slot->tid, (uint32_t)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
    return 1;
}

void hammer_count_round(enum hammer_activity activity, uint64_t count) {
    __atomic_fetch_add(&hammer_header->rounds[activity], count, __ATOMIC_RELAXED);
}

int hammer_is_stopping(void) { return hammer_load(&hammer_header->stop) != 0; }
int hammer_is_holding(void) { return hammer_load(&hammer_header->hold) != 0; }

void hammer_hold_point(void) {
    if (!hammer_is_holding()) return;
    // A handler would call traced functions.
    sigset_t before;
    pthread_sigmask(SIG_BLOCK, 0, &before);
    hammer_block_signals();
    __atomic_fetch_add(&hammer_header->held, 1, __ATOMIC_SEQ_CST);
    while (hammer_is_holding() && !hammer_is_stopping()) hammer_sleep(100000);
    __atomic_fetch_sub(&hammer_header->held, 1, __ATOMIC_SEQ_CST);
    pthread_sigmask(SIG_SETMASK, &before, 0);
}

// Those that the program handles. Faults and traps stay: a thread that blocks them dies of one.
void hammer_block_signals(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPROF);
    sigaddset(&signals, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &signals, 0);
}

uint64_t hammer_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void hammer_sleep(uint64_t nanos) {
    struct timespec time = {(time_t)(nanos / 1000000000), (long)(nanos % 1000000000)};
    uint64_t start = hammer_now();
    int error = clock_nanosleep(CLOCK_MONOTONIC, 0, &time, 0);
    if (error) hammer_fail("clock_nanosleep: %s", strerror(error));
    if (hammer_now() - start < nanos) hammer_fail("clock_nanosleep returned early");
}

// xorshift64*
uint64_t hammer_random(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545f4914f6cdd1d);
}

void hammer_fail(const char *format, ...) {
    static int has_failed;
    if (__atomic_exchange_n(&has_failed, 1, __ATOMIC_SEQ_CST))
        for (;;) pause();
    char line[512];
    int length = snprintf(line, sizeof line, "hammer: thread %ld: ", (long)syscall(SYS_gettid));
    va_list arguments;
    va_start(arguments, format);
    length += vsnprintf(line + length, sizeof line - (size_t)length - 1, format, arguments);
    va_end(arguments);
    if (length > (int)sizeof line - 2) length = sizeof line - 2;
    line[length++] = '\n';
    if (write(2, line, (size_t)length) < 0) _exit(70);
    _exit(70);
}
