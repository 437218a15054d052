/* What the programs of the live patching benches share: the table of the traced functions, and a
 * loop that calls them and keeps the longest time between two calls. Include it once in a program.
 *
 * The functions are generated (harness/live_programs.py) and built apart from this code, so that
 * exactly they have sites, and nothing of the measuring is traced.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

typedef int traced_function(int);

/* The generated files put pointers to their functions there; the linker names its two ends. */
extern traced_function *const __start_traced_functions[], *const __stop_traced_functions[];

enum { calls_per_look = 64, suspicious_us = 20, bucket_us = 1000, bucket_count = 10000, function_limit = 200000 };

/* Ticks are those of rdtsc. A gap is the time between two calls of the watching thread that follow
 * each other; one in which the kernel gave the CPU to somebody else (an involuntary switch: neither
 * a stop by ptrace nor waiting for a lock is one) is counted and left out. A change is seen where the
 * first byte of a function differs from what it was when the thread came by before: that tells when
 * the patching took place, within a request that takes longer. "Around the changes" is from one bucket
 * of time before the first change seen to one after the last. */
struct watched {
    uint64_t calls;
    uint64_t preemptions;         /* gaps left out */
    uint64_t longest_gap_ticks;   /* in the whole window */
    uint64_t changes;             /* changes seen */
    uint64_t change_span_ticks;   /* from the first change seen to the last */
    uint64_t change_gap_ticks;    /* longest gap around the changes */
    uint64_t change_preemptions;  /* gaps left out around the changes: the longest gap may be one of them */
};

struct bucket {
    uint64_t longest_gap_ticks, preemptions;
};

static struct bucket buckets[bucket_count];
static uint8_t first_bytes[function_limit];

static inline uint64_t preemptions_of_this_thread(void)
{
    struct rusage used;
    getrusage(RUSAGE_THREAD, &used);
    return (uint64_t)used.ru_nivcsw;
}

static inline uint8_t first_byte(size_t index)
{
    return *(const volatile uint8_t *)(uintptr_t)__start_traced_functions[index];
}

static inline size_t bucket_of(uint64_t ticks, uint64_t bucket_ticks)
{
    uint64_t bucket = ticks / bucket_ticks;
    return bucket < bucket_count ? bucket : bucket_count - 1;
}

/* What the buckets from one before `first` to one after `last` hold together. */
static inline struct bucket around(size_t first, size_t last)
{
    struct bucket all = {0};
    for (size_t index = first ? first - 1 : 0; index <= last + 1 && index < bucket_count; index++) {
        if (buckets[index].longest_gap_ticks > all.longest_gap_ticks)
            all.longest_gap_ticks = buckets[index].longest_gap_ticks;
        all.preemptions += buckets[index].preemptions;
    }
    return all;
}

/* Calls one traced function after the other while `window` holds `number`. */
static inline struct watched watch(const _Atomic uint64_t *window, uint64_t number, uint64_t ticks_per_second)
{
    const uint64_t bucket_ticks = ticks_per_second / 1000000 * bucket_us;
    const uint64_t suspicious_ticks = ticks_per_second / 1000000 * suspicious_us;
    const size_t count = (size_t)(__stop_traced_functions - __start_traced_functions);
    struct watched result = {0};
    memset(buckets, 0, sizeof buckets);
    for (size_t index = 0; index < count; index++)
        first_bytes[index] = first_byte(index);
    uint64_t preemptions = preemptions_of_this_thread();
    uint64_t start = __rdtsc(), before = start, first_change = 0, last_change = 0, bucket_end = start + bucket_ticks;
    struct bucket *bucket = buckets;
    size_t index = 0;
    while (atomic_load_explicit(window, memory_order_acquire) == number) {
        for (int call = 0; call < calls_per_look; call++) {
            __start_traced_functions[index](call);
            uint64_t now = __rdtsc();
            if (now >= bucket_end) {
                bucket = &buckets[bucket_of(now - start, bucket_ticks)];
                bucket_end = start + ((now - start) / bucket_ticks + 1) * bucket_ticks;
            }
            uint64_t gap = now - before;
            before = now;
            if (gap > suspicious_ticks) {
                uint64_t preemptions_now = preemptions_of_this_thread();
                if (preemptions_now != preemptions) {
                    preemptions = preemptions_now;
                    bucket->preemptions++;
                    gap = 0;
                }
                before = __rdtsc();
            }
            if (gap > bucket->longest_gap_ticks)
                bucket->longest_gap_ticks = gap;
            if (first_byte(index) != first_bytes[index]) {
                first_bytes[index] = first_byte(index);
                first_change = result.changes++ ? first_change : now;
                last_change = now;
            }
            index = index + 1 == count ? 0 : index + 1;
        }
        result.calls += calls_per_look;
    }
    struct bucket all = around(0, bucket_count - 1);
    result.longest_gap_ticks = all.longest_gap_ticks;
    result.preemptions = all.preemptions;
    if (result.changes) {
        struct bucket near = around(bucket_of(first_change - start, bucket_ticks),
                                    bucket_of(last_change - start, bucket_ticks));
        result.change_span_ticks = last_change - first_change;
        result.change_gap_ticks = near.longest_gap_ticks;
        result.change_preemptions = near.preemptions;
    }
    return result;
}

static inline uint64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Ticks of rdtsc in a second, from 50 ms of both clocks. */
static inline uint64_t measured_ticks_per_second(void)
{
    uint64_t ns = monotonic_ns(), ticks = __rdtsc();
    usleep(50000);
    ticks = __rdtsc() - ticks;
    return (uint64_t)((double)ticks * 1e9 / (double)(monotonic_ns() - ns));
}

/* The watching thread has the last CPU to itself and everything else has the others, so that a gap
 * is a stall and not the scheduler's turn. With one CPU there is nothing to part. */
static inline void pin_this_thread(int watches)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    cpu_set_t set;
    CPU_ZERO(&set);
    if (cpus < 2)
        return;
    for (long cpu = 0; cpu < cpus; cpu++)
        if ((cpu == cpus - 1) == (watches != 0))
            CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}
