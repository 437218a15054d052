// Stopping threads of another process: ptrace as Swift can call it. Failures are negative errno.
#pragma once
#include <stdint.h>
#include <sys/types.h>
#if defined(__x86_64__)
#include <sys/user.h>
#endif

/// Makes the caller the tracer of a thread that goes on; new threads and children are seized with it.
int nopal_ptrace_seize(pid_t thread);
int nopal_ptrace_interrupt(pid_t thread);
/// Lets it go for good, with a signal if that is not 0.
int nopal_ptrace_detach(pid_t thread, int signal);
/// Lets it run to where it enters or leaves a system call.
int nopal_ptrace_to_system_call(pid_t thread);
int nopal_ptrace_registers(pid_t thread, struct user_regs_struct *registers);
int nopal_ptrace_set_registers(pid_t thread, const struct user_regs_struct *registers);
int nopal_ptrace_signal_mask(pid_t thread, uint64_t *mask);
int nopal_ptrace_set_signal_mask(pid_t thread, uint64_t mask);
/// The new thread or process of a clone, fork or vfork stop.
int64_t nopal_ptrace_new_task(pid_t thread);

/// What a thread reports, without waiting: 1 something, 0 nothing yet, or negative errno.
int nopal_wait_thread(pid_t thread, int *status);

enum {
    nopal_stop_gone = 0,      // exited or killed
    nopal_stop_interrupt = 1, // by nopal_ptrace_interrupt, or new, or a stop of the whole process
    nopal_stop_clone = 2,     // just made a task
    nopal_stop_signal = 3,    // about to get a signal
    nopal_stop_system_call = 4,
};
int nopal_stop_kind(int status);
int nopal_stop_signal_number(int status);
