#define _GNU_SOURCE
#include "nopal_ptrace.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

static long call(enum __ptrace_request request, pid_t thread, void *address, void *data) {
    return ptrace(request, thread, address, data) < 0 ? -errno : 0;
}

int nopal_ptrace_seize(pid_t thread) {
    long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
    return (int)call(PTRACE_SEIZE, thread, 0, (void *)options);
}

int nopal_ptrace_interrupt(pid_t thread) { return (int)call(PTRACE_INTERRUPT, thread, 0, 0); }

int nopal_ptrace_detach(pid_t thread, int signal) {
    return (int)call(PTRACE_DETACH, thread, 0, (void *)(intptr_t)signal);
}

int nopal_ptrace_to_system_call(pid_t thread) { return (int)call(PTRACE_SYSCALL, thread, 0, 0); }

int nopal_ptrace_registers(pid_t thread, struct user_regs_struct *registers) {
    return (int)call(PTRACE_GETREGS, thread, 0, registers);
}

int nopal_ptrace_set_registers(pid_t thread, const struct user_regs_struct *registers) {
    return (int)call(PTRACE_SETREGS, thread, 0, (void *)registers);
}

int nopal_ptrace_signal_mask(pid_t thread, uint64_t *mask) {
    return (int)call(PTRACE_GETSIGMASK, thread, (void *)sizeof *mask, mask);
}

int nopal_ptrace_set_signal_mask(pid_t thread, uint64_t mask) {
    return (int)call(PTRACE_SETSIGMASK, thread, (void *)sizeof mask, &mask);
}

int64_t nopal_ptrace_new_task(pid_t thread) {
    unsigned long message = 0;
    long done = call(PTRACE_GETEVENTMSG, thread, 0, &message);
    return done < 0 ? done : (int64_t)message;
}

int nopal_wait_thread(pid_t thread, int *status) {
    pid_t found = waitpid(thread, status, __WALL | WNOHANG);
    return found < 0 ? -errno : found == thread;
}

int nopal_stop_kind(int status) {
    if (!WIFSTOPPED(status)) return nopal_stop_gone;
    switch (status >> 16) {
    case PTRACE_EVENT_STOP: return nopal_stop_interrupt;
    case PTRACE_EVENT_CLONE:
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK: return nopal_stop_clone;
    }
    return WSTOPSIG(status) == (SIGTRAP | 0x80) ? nopal_stop_system_call : nopal_stop_signal;
}

int nopal_stop_signal_number(int status) { return WSTOPSIG(status); }
