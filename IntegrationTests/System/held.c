// A program that a signal seems to have interrupted inside of a site: its handler says so in its frame, and says the
// truth again once the file WORK/free is there. Then it calls `exact` as quiet.c does.
//
//   held WORK [PLAIN]      PLAIN: the handler has no SA_SIGINFO, whose frame 32-bit Arm makes otherwise
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>
#include <unistd.h>

static const char *folder;

__attribute__((noinline)) unsigned long step(unsigned long value) { return value * 2654435761u + 1; }
__attribute__((noinline)) unsigned long exact(unsigned long value) { return step(value) ^ value; }

static void wait_for(const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    while (access(path, F_OK) != 0) usleep(10000);
}

static void make(const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    if (!file || fclose(file)) exit(1);
}

static void hold_context(ucontext_t *context) {
#ifdef __aarch64__
    unsigned long long *place = &context->uc_mcontext.pc;
#else
    unsigned long *place = &context->uc_mcontext.arm_pc;
#endif
    unsigned long before = *place;
    *place = ((uintptr_t)step & ~(uintptr_t)1) + 4;
    make("running");
    wait_for("free");
    *place = before;
}

static void hold(int signal, siginfo_t *information, void *argument) {
    (void)signal;
    (void)information;
    hold_context(argument);
}

#ifdef __arm__
// The kernel marks the frame, and leaves the link as it was: some value or other.
static void hold_plain(int signal) {
    (void)signal;
    uint32_t *word = __builtin_frame_address(0);
    while (*word != 0x5ac3c35a) word++;
    word[1] = 1;
    hold_context((ucontext_t *)word);
}
#endif

int main(int argc, char **argv) {
    if (argc < 2) return 64;
    folder = argv[1];
    struct sigaction action = {0};
    action.sa_sigaction = hold;
    action.sa_flags = SA_SIGINFO;
#ifdef __arm__
    if (argc > 2) {
        action.sa_flags = 0;
        action.sa_handler = hold_plain;
    }
#endif
    sigaction(SIGUSR1, &action, 0);
    raise(SIGUSR1);
    wait_for("attached");
    unsigned long value = 0;
    for (int i = 0; i < 1000; i++) value = exact(value);
    printf("exact 1000 %d\n", value != 0);
    return 0;
}
