// The figures in docs/decisions: what the options that were not taken would cost here.
//
//   gcc -O2 -mxsave -pthread decisions.c -o decisions && ./decisions
#define _GNU_SOURCE
#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { blockBytes = 65536, blocks = 64, rounds = 40 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, ascending);
    return values[count / 2];
}

// Saving and restoring all vector state, as a slow path that uses vector registers must.
static void vectors(void) {
    static unsigned char area[16384] __attribute__((aligned(64)));
    double values[rounds];
    for (int round = 0; round < rounds; round++) {
        double from = now();
        for (int i = 0; i < 1000; i++) {
            _xsave64(area, ~0ull);
            _xrstor64(area, ~0ull);
        }
        values[round] = (now() - from) / 1000;
    }
    printf("save and restore the full vector state     %8.1f ns\n", median(values, rounds));
}

// Filling a new shadow region, as a layout that cannot start from zero pages must.
static void region(void) {
    double values[rounds / 4];
    for (int round = 0; round < rounds / 4; round++) {
        double from = now();
        char *at = mmap(0, 16 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        madvise(at, 16 << 20, MADV_NOHUGEPAGE);
        memset(at, 0xff, 16 << 20);
        values[round] = now() - from;
        munmap(at, 16 << 20);
    }
    printf("map and fill a 16 MiB shadow region        %8.1f us\n", median(values, rounds / 4) / 1e3);
}

static void exists(void) {
    pid_t process = getpid();
    double values[rounds];
    for (int round = 0; round < rounds; round++) {
        double from = now();
        for (int i = 0; i < 1000; i++) syscall(SYS_tgkill, process, process, 0);
        values[round] = (now() - from) / 1000;
    }
    printf("tgkill(process, thread, 0)                 %8.1f ns\n", median(values, rounds));
}

static char *memory;
static _Atomic int turn;

static void *zeroer(void *unused) {
    (void)unused;
    pin(1);
    for (int round = 0; round < rounds; round++) {
        while (atomic_load(&turn) != 1) sched_yield();
        memset(memory, 0, (size_t)blocks * blockBytes);
        atomic_store(&turn, 0);
    }
    return 0;
}

// Fills every word of a block, 8 bytes at a time as stubs do.
static void fill(char *block) {
    for (int i = 0; i < blockBytes; i += 8) {
        *(volatile uint32_t *)(block + i) = (uint32_t)i;
        *(volatile uint32_t *)(block + i + 4) = 0x10000001;
    }
}

static void zeroing(void) {
    double own[rounds], others[rounds];
    size_t bytes = (size_t)blocks * blockBytes;
    memory = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memset(memory, 1, bytes);
    pthread_t thread;
    pthread_create(&thread, 0, zeroer, 0);
    pin(0);
    for (int round = 0; round < rounds; round++) {
        atomic_store(&turn, 1);
        while (atomic_load(&turn) != 0) sched_yield();
        double from = now();
        for (int i = 0; i < blocks; i++) fill(memory + (size_t)i * blockBytes);
        others[round] = (now() - from) / blocks;
        from = now();
        for (int i = 0; i < blocks; i++) {
            memset(memory + (size_t)i * blockBytes, 0, blockBytes);
            fill(memory + (size_t)i * blockBytes);
        }
        own[round] = (now() - from) / blocks;
    }
    pthread_join(thread, 0);
    printf("fill a block that another core zeroed      %8.1f us\n", median(others, rounds) / 1e3);
    printf("zero a block here, and fill it             %8.1f us\n", median(own, rounds) / 1e3);
}

int main(void) {
    vectors();
    region();
    exists();
    zeroing();
    return 0;
}
