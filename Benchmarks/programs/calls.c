/* What one call costs: a loop of calls of a small function, timed from inside.
 *
 *   calls CALLS [THREADS]
 *
 * Prints one line of JSON: nanoseconds a call (calls of all threads over the wall time of the
 * slowest), and what two bare rdtsc cost on this machine, measured in the same run. The timing code
 * is marked so that no instrumentation touches it: only `leaf` is called CALLS times.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <x86intrin.h>

enum { maximum_threads = 64 };

#define NOT_TRACED __attribute__((no_instrument_function, noinline))

static uint64_t calls_per_thread;
static pthread_barrier_t ready;
static uint64_t elapsed_ns[maximum_threads];

/* Small, yet not empty: one dependent addition, which the compiler may not fold or inline. */
__attribute__((noinline)) uint64_t leaf(uint64_t value)
{
    __asm__ volatile("" : "+r"(value));
    return value + 1;
}

NOT_TRACED static uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

NOT_TRACED static double two_rdtsc_ns(void)
{
    enum { rounds = 2000000 };
    uint64_t start = now_ns();
    for (int i = 0; i < rounds; i++) {
        uint64_t first = __rdtsc();
        __asm__ volatile("" ::"r"(first));
        uint64_t second = __rdtsc();
        __asm__ volatile("" ::"r"(second));
    }
    return (double)(now_ns() - start) / rounds;
}

NOT_TRACED static void *call_loop(void *argument)
{
    uintptr_t index = (uintptr_t)argument;
    uint64_t value = 0;
    for (int i = 0; i < 1000; i++) /* the first block, page faults, branch predictors */
        value = leaf(value);
    pthread_barrier_wait(&ready);
    uint64_t start = now_ns();
    for (uint64_t i = 0; i < calls_per_thread; i++)
        value = leaf(value);
    elapsed_ns[index] = now_ns() - start;
    return (void *)(uintptr_t)value;
}

int main(int argc, char **argv)
{
    pthread_t threads[maximum_threads];
    calls_per_thread = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    long thread_count = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
    if (calls_per_thread == 0 || thread_count < 1 || thread_count > maximum_threads) {
        fprintf(stderr, "usage: calls CALLS [THREADS 1..%d]\n", maximum_threads);
        return 2;
    }
    double rdtsc_ns = two_rdtsc_ns();
    pthread_barrier_init(&ready, NULL, (unsigned)thread_count);
    for (long i = 0; i < thread_count; i++)
        pthread_create(&threads[i], NULL, call_loop, (void *)(uintptr_t)i);
    uint64_t slowest = 0;
    for (long i = 0; i < thread_count; i++) {
        pthread_join(threads[i], NULL);
        if (elapsed_ns[i] > slowest)
            slowest = elapsed_ns[i];
    }
    printf("{\"ns_per_call\": %.4f, \"two_rdtsc_ns\": %.4f, \"calls\": %llu, \"threads\": %ld}\n",
           (double)slowest / (double)calls_per_thread, rdtsc_ns,
           (unsigned long long)(calls_per_thread * (uint64_t)thread_count), thread_count);
    return 0;
}
