// The figures in docs/decisions: what the options that were not taken would cost here.
//
//   gcc -O2 -mxsave -pthread decisions.c -o decisions && ./decisions
#define _GNU_SOURCE
#include <immintrin.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <fcntl.h>
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

// Ways to change one byte each of 20,000 sites in text that a sibling executes.
enum { sites = 20000, site_stride = 32, text_bytes = sites * site_stride };
static unsigned char *text;
static atomic_int text_stop;

static void *execute(void *unused) {
    pin(1);
    while (!atomic_load(&text_stop))
        for (int i = 0; i < sites; i += 64) ((void (*)(void))(text + (size_t)i * site_stride))();
    return unused;
}

static double by_memory_file(int file, unsigned char value) {
    double from = now();
    for (int i = 0; i < sites; i++)
        if (pwrite(file, &value, 1, (off_t)(uintptr_t)(text + (size_t)i * site_stride)) != 1) return -1;
    return now() - from;
}

static double by_pages(int file, unsigned char value) {
    static unsigned char copy[text_bytes];
    double from = now();
    memcpy(copy, text, text_bytes);
    for (int i = 0; i < sites; i++) copy[i * site_stride] = value;
    if (pwrite(file, copy, text_bytes, (off_t)(uintptr_t)text) != text_bytes) return -1;
    return now() - from;
}

static double by_mapping(unsigned char value) {
    double from = now();
    mprotect(text, text_bytes, PROT_READ | PROT_WRITE | PROT_EXEC);
    for (int i = 0; i < sites; i++) atomic_store_explicit((_Atomic unsigned char *)(text + (size_t)i * site_stride), value, memory_order_release);
    mprotect(text, text_bytes, PROT_READ | PROT_EXEC);
    return now() - from;
}

static void writing_text(void) {
    text = mmap(0, text_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    // test eax, imm32 or jmp rel32 with distance 0, then ret.
    for (int i = 0; i < sites; i++) memcpy(text + (size_t)i * site_stride, "\xa9\0\0\0\0\xc3", 6);
    mprotect(text, text_bytes, PROT_READ | PROT_EXEC);
    int file = open("/proc/self/mem", O_RDWR);
    pthread_t thread;
    pthread_create(&thread, 0, execute, 0);
    pin(0);
    double single[rounds], pages[rounds], mapping[rounds];
    for (int round = 0; round < rounds; round++) {
        single[round] = by_memory_file(file, round % 2 ? 0xa9 : 0xe9);
        pages[round] = by_pages(file, round % 2 ? 0xe9 : 0xa9);
        mapping[round] = by_mapping(round % 2 ? 0xa9 : 0xe9);
    }
    atomic_store(&text_stop, 1);
    pthread_join(thread, 0);
    printf("20,000 bytes of text, one pwrite each      %8.1f us\n", median(single, rounds) / 1e3);
    printf("the same, all pages in one pwrite          %8.1f us\n", median(pages, rounds) / 1e3);
    printf("the same, through a mapping made writable  %8.1f us\n", median(mapping, rounds) / 1e3);
}

int main(void) {
    vectors();
    region();
    exists();
    zeroing();
    writing_text();
    return 0;
}
