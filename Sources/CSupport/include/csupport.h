// What Swift cannot say on the host: atomics on shared memory, ancillary data, single
// instructions, GNU extensions. Failures are returned as negative errno.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/xattr.h>
#include <sys/types.h>
#include "nopal_ptrace.h"

#if defined(__x86_64__)
/// The clock that stubs read.
static inline uint64_t nopal_ticks(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}
#endif

static inline uint32_t nopal_load_acquire32(const void *at) {
    return __atomic_load_n((const uint32_t *)at, __ATOMIC_ACQUIRE);
}
static inline uint64_t nopal_load_acquire64(const void *at) {
    return __atomic_load_n((const uint64_t *)at, __ATOMIC_ACQUIRE);
}
static inline void nopal_store_release32(void *at, uint32_t value) {
    __atomic_store_n((uint32_t *)at, value, __ATOMIC_RELEASE);
}
static inline void nopal_store_release64(void *at, uint64_t value) {
    __atomic_store_n((uint64_t *)at, value, __ATOMIC_RELEASE);
}
static inline void nopal_full_barrier(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
static inline uint32_t nopal_fetch_add32(void *at, uint32_t value) {
    return __atomic_fetch_add((uint32_t *)at, value, __ATOMIC_ACQ_REL);
}
static inline int nopal_compare_swap32(void *at, uint32_t expected, uint32_t desired) {
    return __atomic_compare_exchange_n((uint32_t *)at, &expected, desired, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/// A new anonymous file in memory, close-on-exec.
int nopal_memory_file(const char *name);
/// Waits while *at == expected, at most so long; wakes all that wait.
void nopal_futex_wait(void *at, uint32_t expected, int64_t timeout_nanos);
void nopal_futex_wake(void *at);
/// Whether a thread still exists; a zombie does.
int nopal_thread_exists(pid_t process, pid_t thread);

/// Sends one packet, with a descriptor unless it is -1.
ssize_t nopal_send_packet(int socket, const void *bytes, size_t count, int descriptor);
/// Receives one packet; *descriptor gets the one that came along, or -1.
ssize_t nopal_receive_packet(int socket, void *bytes, size_t count, int *descriptor);
/// Connects to such a socket as nopal_listen makes; the descriptor, or -errno.
int nopal_connect(const char *path);
/// The user that connected a Unix socket, or -1.
int64_t nopal_peer_user(int socket);
/// The process that connected it, or -1.
int64_t nopal_peer_process(int socket);
/// A listening SOCK_SEQPACKET Unix socket, close-on-exec and non-blocking.
int nopal_listen(const char *path);
int nopal_accept(int listener);

/// Starts a program that inherits what this process inherited: ignored signals, mask, limits. To be
/// called before this process changes any of them. Returns its pid, or -errno.
pid_t nopal_spawn(const char *path, char *const arguments[], char *const environment[]);

/// 1 when this kernel's membarrier offers SYNC_CORE.
int nopal_has_core_sync(void);

/// Seconds and nanoseconds of a clock, in nanoseconds.
uint64_t nopal_clock_nanos(int clock);

/// An upper bound on descriptors is often low; this raises it to the hard limit.
void nopal_raise_descriptor_limit(void);

int nopal_wait_status_exited(int status);
int nopal_wait_status_code(int status);
int nopal_wait_status_signal(int status);
