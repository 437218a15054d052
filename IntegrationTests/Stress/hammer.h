// The hammer: functions that are patched while threads call them. It checks every result itself, and
// keeps an account of its calls in a file that a driver maps too: the oracle.
//
// The driver writes the state word of a function around each change: `changing` before it begins,
// `on` or `off` when it is complete, each a word never seen before (the generation is counted up).
// Who calls the function reads the word before and after. Equal words mean that no change was under
// way: the call counts as certainly on or off. Else it is uncertain. What was recorded of a thread
// and function is then at least certain_on, and at most certain_on + uncertain.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#define HAMMER_ASSERT static_assert
#else
#define HAMMER_ASSERT _Static_assert
#endif
// Two numbers of 64 bits in a vector register.
typedef uint64_t hammer_vector __attribute__((vector_size(16)));

// A turn of a loop that waits.
#if defined(__x86_64__)
#define HAMMER_PAUSE() __builtin_ia32_pause()
#else
#define HAMMER_PAUSE() __asm__ volatile("yield")
#endif

// Not C++'s thread_local, whose access may be a call.
#define HAMMER_THREAD_LOCAL __thread

// Layout of the oracle, little-endian: the header's page; a state word for each function; a name
// for each function; then the slots, each at a multiple of 4096.

#define HAMMER_MAGIC UINT64_C(0x313052454d4d4148)  // "HAMMER01"
#define HAMMER_PAGE 4096

enum hammer_state { HAMMER_OFF = 0, HAMMER_ON = 1, HAMMER_CHANGING = 2 };  // generation << 2 | state

enum hammer_activity {
    HAMMER_WORKERS,
    HAMMER_SIGNALS,
    HAMMER_FORKS,
    HAMMER_LIBRARY,
    HAMMER_THREADS,
    HAMMER_EXCEPTIONS,
    HAMMER_EPOLL,
    HAMMER_PIPE,
    HAMMER_CONDITION,
    HAMMER_FUTEX,
    HAMMER_SLEEP,
    HAMMER_ACTIVITIES
};

struct hammer_range {
    uint64_t first, count;
};

struct hammer_header {
    uint64_t magic;
    uint64_t function_count;
    uint64_t slot_count;
    uint64_t states_offset;
    uint64_t names_offset;
    uint64_t slots_offset;
    uint64_t slot_byte_count;
    uint64_t process;
    struct hammer_range table, through, library, throwing;  // which functions are which

    // 1 when every thread runs.
    uint64_t ready __attribute__((aligned(64)));
    // The driver's: 1 pauses every caller outside of traced functions, 0 lets them go. Before the
    // next 1, `held` must have come down to 0.
    uint64_t hold __attribute__((aligned(64)));
    // How many are paused; quiet is when held == callers.
    uint64_t held __attribute__((aligned(64)));
    uint64_t callers __attribute__((aligned(64)));
    // The driver's: 1 ends the program.
    uint64_t stop __attribute__((aligned(64)));
    // Slots are never used again.
    uint64_t slots_used __attribute__((aligned(64)));
    // Calls that the workers made, a little behind.
    uint64_t calls __attribute__((aligned(64)));
    // The driver's, at any time: workers call only these functions of the table (count 0: all).
    struct hammer_range focus __attribute__((aligned(64)));
    // What each activity did so far: calls, signals, children, loads, threads, throws, rounds.
    uint64_t rounds[HAMMER_ACTIVITIES] __attribute__((aligned(1024)));
} __attribute__((aligned(HAMMER_PAGE)));

struct hammer_name {
    uint64_t address;  // of the function in the program; 0 in the library
    char name[56];
};

struct hammer_counts {
    uint64_t certain_on, certain_off, uncertain;
};

// One thread, or the only thread of a forked child.
struct hammer_slot {
    uint32_t tid;       // 0: not used yet
    uint32_t activity;  // enum hammer_activity
    uint32_t pid;
    uint32_t unused[13];
    struct hammer_counts counts[];
};

HAMMER_ASSERT(offsetof(struct hammer_header, ready) == 128, "layout");
HAMMER_ASSERT(offsetof(struct hammer_header, hold) == 192, "layout");
HAMMER_ASSERT(offsetof(struct hammer_header, held) == 256, "layout");
HAMMER_ASSERT(offsetof(struct hammer_header, callers) == 320, "layout");
HAMMER_ASSERT(offsetof(struct hammer_header, stop) == 384, "layout");
HAMMER_ASSERT(offsetof(struct hammer_header, slots_used) == 448, "layout");
HAMMER_ASSERT(offsetof(struct hammer_header, calls) == 512, "layout");
HAMMER_ASSERT(offsetof(struct hammer_header, focus) == 576, "layout");
HAMMER_ASSERT(offsetof(struct hammer_header, rounds) == 1024, "layout");
HAMMER_ASSERT(sizeof(struct hammer_header) == HAMMER_PAGE, "layout");
HAMMER_ASSERT(sizeof(struct hammer_name) == 64 && offsetof(struct hammer_slot, counts) == 64, "layout");

// Counting. It is inlined into traced functions too, for the calls that they make themselves.

extern struct hammer_header *hammer_header;
// The words of this process; a forked child has its code as it was at the fork, so there `before`
// is what the words were before it.
extern const uint64_t *hammer_words_before, *hammer_words_after;
// All ones where each function has a word of its own; 0 where one word tells of all (--windows).
extern uint64_t hammer_word_mask;
extern HAMMER_THREAD_LOCAL struct hammer_slot *hammer_slot __attribute__((tls_model("initial-exec")));

#define HAMMER_INLINE static inline __attribute__((always_inline, unused))

HAMMER_INLINE uint64_t hammer_load(const uint64_t *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }

HAMMER_INLINE uint64_t hammer_before(uint64_t id) { return hammer_load(&hammer_words_before[id & hammer_word_mask]); }

// A signal's handler may count between any two instructions.
HAMMER_INLINE void hammer_after(uint64_t id, uint64_t before) {
    struct hammer_counts *counts = &hammer_slot->counts[id];
    uint64_t after = hammer_load(&hammer_words_after[id & hammer_word_mask]);
    uint64_t *count = &counts->uncertain;
    if (after == before && (after & 3) == HAMMER_ON) count = &counts->certain_on;
    if (after == before && (after & 3) == HAMMER_OFF) count = &counts->certain_off;
    __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
}

// What the functions compute: another one for each number, whatever x is.

#define HAMMER_CONSTANT(number) (((uint64_t)(number) + 1) * UINT64_C(0x9e3779b97f4a7c15))

HAMMER_INLINE uint64_t hammer_mix(uint64_t x, uint64_t constant) { return (x ^ constant) + (x >> 9); }

// The table: all functions, in the order of the state words. It is generated.

enum hammer_kind {
    HAMMER_KIND_LEAF, HAMMER_KIND_TINY, HAMMER_KIND_NESTED, HAMMER_KIND_PUSHES, HAMMER_KIND_MANY,
    HAMMER_KIND_DOUBLES, HAMMER_KIND_TAIL, HAMMER_KIND_RED_ZONE, HAMMER_KIND_PAIR, HAMMER_KIND_FIVE,
    HAMMER_KIND_LOOP, HAMMER_KIND_VARIADIC, HAMMER_KIND_MIXED, HAMMER_KIND_LONG_DOUBLE,
    HAMMER_KIND_VECTOR, HAMMER_KIND_FRAME, HAMMER_KIND_THROUGH, HAMMER_KIND_LIBRARY_CALLER,
    HAMMER_KIND_LIBRARY_LEAF, HAMMER_KIND_THROWING,
};

struct hammer_function {
    const char *name;
    void (*entry)(void);  // cast to its kind's type; null in the library
    enum hammer_kind kind;
    uint64_t number;  // of its constant
    int64_t next;     // whom it calls, or -1
};

extern const struct hammer_function hammer_table[];
extern const struct hammer_range hammer_table_range, hammer_through_range, hammer_library_range,
    hammer_throwing_range;
extern const uint64_t hammer_function_count;

typedef uint64_t hammer_callback(void *context, uint64_t x);
typedef uint64_t hammer_through(hammer_callback *callback, void *context, uint64_t x);
struct hammer_pair {
    uint64_t first;
    double second;
};
struct hammer_five {
    uint64_t values[5];
};

// hammer_oracle.c: the file, slots, pauses, failure.

// Takes the word of the events that the agent writes into the folder, without a host, in place of the oracle's words.
// Stops the program after so many single stores of it.
void hammer_watch_windows(const char *folder, uint64_t toggle_limit, int is_attached);
void hammer_oracle_create(const char *path, uint64_t slot_count, enum hammer_state state);
// False when no slot is left.
int hammer_take_slot(enum hammer_activity activity);
void hammer_count_round(enum hammer_activity activity, uint64_t count);
// Pauses here while the driver holds. Outside of traced functions only.
void hammer_hold_point(void);
int hammer_is_stopping(void);
int hammer_is_holding(void);
// Blocks what may interrupt a wait: the program's own signals, and no fault.
void hammer_block_signals(void);
// Sleeps, and fails when the sleep was cut short: with the program's signals blocked only.
void hammer_sleep(uint64_t nanos);
uint64_t hammer_now(void);
uint64_t hammer_random(uint64_t *state);
// One line to standard error, and the end, with status 70.
void hammer_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

// hammer_calls.c

// Calls a function of the table, checks what it returns, and counts it.
void hammer_call(uint64_t id, uint64_t x);
// The same for code of the library; `entry` is where it lies this time.
void hammer_call_at(uint64_t id, void (*entry)(void), uint64_t x);
// Calls callback(context, ...) through a traced function; index of the range `through`.
void hammer_call_through(uint64_t index, hammer_callback *callback, void *context, uint64_t x);

// Threads of the activities; each takes its argument's meaning from where it is started.

struct hammer_options {
    unsigned char active[HAMMER_ACTIVITIES];
    uint64_t workers, gap, seed, call_limit;
    const char *library;
};
extern struct hammer_options hammer_options;

// Starts a thread that is counted in `callers` (hammer.c).
void hammer_start(void *(*body)(void *), void *argument);
void *hammer_fork_thread(void *);
void *hammer_library_thread(void *);
void *hammer_short_thread_maker(void *);
void *hammer_exception_thread(void *);
void *hammer_sleep_thread(void *);
void hammer_start_pairs(void);
// Timers that interrupt the calling thread with calls.
void hammer_install_handlers(void);
struct hammer_timers {
    void *timers[2];
};
void hammer_start_timers(struct hammer_timers *timers, uint64_t worker);
void hammer_end_timers(struct hammer_timers *timers);
// Says where a fault happened, and ends by its signal.
void hammer_report_faults(void);

#ifdef __cplusplus
}

struct hammer_thrown {
    uint64_t value;
};
// How many frames were cleaned up by a destructor.
extern HAMMER_THREAD_LOCAL uint64_t hammer_cleanups __attribute__((tls_model("initial-exec")));
#endif
