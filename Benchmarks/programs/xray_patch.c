/* How long LLVM XRay takes to patch every function of the program and back, timed from inside, with
 * a sibling thread that calls them meanwhile and watches for stalls.
 *
 *   xray_patch ROUNDS
 *
 * Prints one line of JSON: how many functions XRay knows, and per round the nanoseconds of
 * __xray_patch() and of __xray_unpatch(), and the sibling's longest gap around each (struct watched).
 */
#include "traced_calls.h"

#include <stdio.h>
#include <stdlib.h>

/* compiler-rt: xray/xray_interface.h, which is C++ only. */
int __xray_set_handler(void (*handler)(int32_t function, int entry_type));
int __xray_patch(void);
int __xray_unpatch(void);
size_t __xray_max_function_id(void);

enum { xray_patch_success = 1, maximum_rounds = 100, settle_us = 2000 };

static _Atomic uint64_t window, window_seen, finish;
static struct watched last;
static uint64_t ticks_per_second;

/* XRay patches only where a handler is set. This one does nothing, as cheaply as can be. */
static void handler(int32_t function, int entry_type)
{
    (void)function;
    (void)entry_type;
}

static void *watching(void *unused)
{
    (void)unused;
    pin_this_thread(1);
    while (!finish) {
        uint64_t number = window;
        window_seen = number;
        if (number % 2 == 1)
            last = watch(&window, number, ticks_per_second);
        else
            usleep(100);
    }
    return NULL;
}

static void move_window(void)
{
    uint64_t number = ++window;
    while (window_seen != number)
        usleep(100);
    usleep(settle_us);
}

/* Nanoseconds of one call of `patch`, within a window of its own. */
static uint64_t timed(int (*patch)(void))
{
    move_window();
    uint64_t start = monotonic_ns();
    int status = patch();
    uint64_t taken = monotonic_ns() - start;
    move_window();
    if (status != xray_patch_success) {
        fprintf(stderr, "xray_patch: XRay answered %d\n", status);
        exit(3);
    }
    return taken;
}

static void print(const char *name, const double *values, int count)
{
    printf(", \"%s\": [", name);
    for (int index = 0; index < count; index++)
        printf("%s%.0f", index ? ", " : "", values[index]);
    printf("]");
}

int main(int count, char **arguments)
{
    int rounds = count == 2 ? atoi(arguments[1]) : 0;
    if (rounds < 1 || rounds > maximum_rounds) {
        fprintf(stderr, "usage: xray_patch ROUNDS\n");
        return 2;
    }
    static double patch_ns[maximum_rounds], unpatch_ns[maximum_rounds], gap_ns[2 * maximum_rounds];
    ticks_per_second = measured_ticks_per_second();
    const double ns_per_tick = 1e9 / (double)ticks_per_second;
    pthread_t sibling;
    pin_this_thread(0);
    if (pthread_create(&sibling, NULL, watching, NULL) != 0 || __xray_set_handler(handler) != 1)
        return 3;
    for (int round = 0; round < rounds; round++) {
        patch_ns[round] = (double)timed(__xray_patch);
        gap_ns[2 * round] = (double)last.change_gap_ticks * ns_per_tick;
        unpatch_ns[round] = (double)timed(__xray_unpatch);
        gap_ns[2 * round + 1] = (double)last.change_gap_ticks * ns_per_tick;
    }
    finish = 1;
    pthread_join(sibling, NULL);
    printf("{\"functions\": %zu", __xray_max_function_id());
    print("patch_ns", patch_ns, rounds);
    print("unpatch_ns", unpatch_ns, rounds);
    print("longest_gap_ns", gap_ns, 2 * rounds);
    printf("}\n");
    return 0;
}
