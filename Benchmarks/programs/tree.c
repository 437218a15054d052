/* A call tree with many functions, for readers: replay, report, exports.
 *
 *   tree ROUNDS [THREADS]
 *
 * Every round makes exactly 1 + 4 + 16 + 64 + 64 = 149 calls through 14 functions, on each thread;
 * the last 64 are a leaf with one name.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define TRACED __attribute__((noinline))

static long rounds;
static volatile uint64_t sink;

TRACED uint64_t leaf(uint64_t value)
{
    __asm__ volatile("" : "+r"(value));
    return value + 1;
}

#define TWIG(name) \
    TRACED uint64_t name(uint64_t value) { return leaf(value) + 3; }
#define BRANCH(name, twig) \
    TRACED uint64_t name(uint64_t value) \
    { \
        for (int i = 0; i < 4; i++) \
            value = twig(value) + 1; \
        return value; \
    }

TWIG(twig_a) TWIG(twig_b) TWIG(twig_c) TWIG(twig_d)
BRANCH(branch_a, twig_a) BRANCH(branch_b, twig_b) BRANCH(branch_c, twig_c) BRANCH(branch_d, twig_d)

/* Four boughs, each over one kind of branch. */
BRANCH(bough_a, branch_a) BRANCH(bough_b, branch_b)
BRANCH(bough_c, branch_c) BRANCH(bough_d, branch_d)

TRACED uint64_t trunk(uint64_t value)
{
    return bough_a(value) + bough_b(value) + bough_c(value) + bough_d(value);
}

__attribute__((noinline, no_instrument_function)) static void *grow(void *argument)
{
    uint64_t value = (uintptr_t)argument;
    for (long i = 0; i < rounds; i++)
        value += trunk(value);
    sink = value;
    return NULL;
}

int main(int argc, char **argv)
{
    enum { maximum_threads = 64 };
    pthread_t threads[maximum_threads];
    rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 10;
    long thread_count = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
    if (rounds < 1 || thread_count < 1 || thread_count > maximum_threads) {
        fprintf(stderr, "usage: tree ROUNDS [THREADS 1..%d]\n", maximum_threads);
        return 2;
    }
    for (long i = 0; i < thread_count; i++)
        pthread_create(&threads[i], NULL, grow, (void *)(uintptr_t)i);
    for (long i = 0; i < thread_count; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
