// What Swift cannot say in the agent: thread-local state, system calls, single instructions.
// Nothing here allocates, locks or touches errno, and no vector register is used.
#pragma once
#include <stdint.h>
#include <stddef.h>

/// The state of one traced thread, in initial-exec TLS. Stubs reach the first five fields
/// relative to the thread pointer; their offsets are part of the contract with `Stubs`.
struct nopal_thread {
    uint64_t cursor;       //  0: where the next event word goes; stubs add 8 to reserve; 0 without a block
    uint32_t epoch;        //  8: upper half of the tick of the words being written
    uint32_t is_ending;    // 12: 1 once the thread's stack is being unwound for good
    uint64_t shadow_top;   // 16: end of the shadow stack: the next entry goes here
    uint64_t depth_limit;  // 24: calls are not recorded while shadow_top is not below
    uint64_t shadow_base;  // its first entry, a sentinel; 0 before the first event
    uint64_t shadow_limit; // its end
    uint64_t block;        // address of the block; 0 without one
    uint32_t block_index;
    uint32_t sequence;     // blocks taken so far
    uint32_t serial;       // this thread's serial; 0 before its first block
    uint32_t tid;
    uint64_t lost;         // events lost since the last block was taken
    uint64_t stack_low;    // bounds of the thread's own stack; 0 when not looked up yet
    uint64_t stack_high;
    uint64_t graveyard;    // address of entries dropped by inference, newest last, a ring
    uint64_t grave_count;
    uint32_t lingering[4]; // 1 + index of blocks with words reserved and not yet written
    uint64_t environment;  // scratch for exec, kept for the next one
    uint64_t environment_byte_count;
    uint32_t failed_generation; // 1 + freeGeneration when no block was found; 0 otherwise
    uint32_t unwound_count;     // entries of calls that were unwound, and stay for a while
};

/// One open call on a shadow stack.
///
/// Above `shadow_top` every entry has `negated_slot` 0, so an entry under construction
/// (`shadow_top` is raised first) looks like a slot above every stack pointer.
struct nopal_entry {
    uint64_t return_address;
    uint64_t saved;        // the caller's rbx, x19 or r4
    uint64_t negated_slot; // minus the stack pointer at the entry, in the machine's word size
    uint32_t exit_word;    // upper half of the exit's event word
    uint32_t unused;
};

struct nopal_thread *nopal_thread_state(void);
int64_t nopal_thread_state_offset(void);

/// Addresses that the host builds into arenas.
struct nopal_vector_table {
    uint64_t enter, record, leave, personality;
};
extern const struct nopal_vector_table nopal_vectors;

/// Asks libc, where it is there, to run `child` in a forked child.
void nopal_register_fork_child(void (*child)(void));

/// The code that a patched `execve` and `_dl_debug_state` jump to.
void nopal_exec_hook(void);
void nopal_set_exec_resume(uint64_t address);

/// The code that a patched `_Fork` (0), `clone` (1) or `syscall` (2) jumps to, and where it goes on.
uint64_t nopal_fork_hook(uint32_t function);
void nopal_set_fork_resume(uint32_t function, uint64_t address);

/// The unwinder's init function, wrapped: see `Unwinding.swift`.
void nopal_unwinder_init(int argc, char **argv, char **envp);

/// GDB's JIT interface: a debugger reads the list, and stops in the function.
struct nopal_jit_entry {
    struct nopal_jit_entry *next, *previous;
    uintptr_t image; // its address
    uint64_t byte_count;
};
void nopal_jit_register(uint32_t index, uint64_t image, uint64_t byte_count);
void nopal_jit_forget(uint32_t index);

/// Where a signal handler returns to.
uint64_t nopal_restorer_address(void);

static inline void nopal_compiler_barrier(void) { __asm__ volatile("" ::: "memory"); }

/// A number of the machine's word size: what pointers of the loader's and libc's structures are.
static inline uint64_t nopal_load_word(uint64_t address) {
    return __atomic_load_n((uintptr_t *)(uintptr_t)address, __ATOMIC_ACQUIRE);
}
static inline void nopal_store_word(uint64_t address, uint64_t value) {
    __atomic_store_n((uintptr_t *)(uintptr_t)address, (uintptr_t)value, __ATOMIC_RELEASE);
}

void *nopal_r_debug(void);

/// Address of dl_iterate_phdr; 0 where there is none.
uint64_t nopal_iterate_programs(void);

/// Arm sets: 0 once the program has, or had, several threads; needs glibc 2.32 to tell.
uint32_t nopal_is_single_threaded(void);

/// The program's unwinder, where it has one: 0 what registers an arena's table, 1 what reads a register of a frame, 2 what
/// undoes the first. On 32-bit Arm 0 sets a register.
uint64_t nopal_unwinder_function(uint32_t number);

/// Starts a thread of the C library that runs `body(argument)`; 0 when it runs.
int32_t nopal_start_thread(void *(*body)(void *), void *argument);

/// The kernel's.
uint64_t nopal_page_byte_count(void);

int64_t nopal_system_call(int64_t number, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f);

#include "processor_x86_64.h"
#include "processor_aarch64.h"
#include "processor_arm.h"

static inline uint32_t nopal_load32(uint64_t address) {
    return __atomic_load_n((uint32_t *)(uintptr_t)address, __ATOMIC_ACQUIRE);
}
static inline uint64_t nopal_load64(uint64_t address) {
    return __atomic_load_n((uint64_t *)(uintptr_t)address, __ATOMIC_ACQUIRE);
}
static inline void nopal_store8(uint64_t address, uint8_t value) {
    __atomic_store_n((uint8_t *)(uintptr_t)address, value, __ATOMIC_RELEASE);
}
static inline void nopal_store16(uint64_t address, uint16_t value) {
    __atomic_store_n((uint16_t *)(uintptr_t)address, value, __ATOMIC_RELEASE);
}
static inline void nopal_store32(uint64_t address, uint32_t value) {
    __atomic_store_n((uint32_t *)(uintptr_t)address, value, __ATOMIC_RELEASE);
}
static inline void nopal_store64(uint64_t address, uint64_t value) {
    __atomic_store_n((uint64_t *)(uintptr_t)address, value, __ATOMIC_RELEASE);
}
/// Stores that may be unaligned, for text that nobody else runs.
static inline void nopal_store_bytes(uint64_t address, uint64_t value, uint32_t width) {
    for (uint32_t i = 0; i < width; i++) ((volatile uint8_t *)(uintptr_t)address)[i] = (uint8_t)(value >> (8 * i));
}
static inline uint64_t nopal_load_bytes(uint64_t address, uint32_t width) {
    uint64_t value = 0;
    for (uint32_t i = 0; i < width; i++) value |= (uint64_t)((volatile uint8_t *)(uintptr_t)address)[i] << (8 * i);
    return value;
}
static inline uint32_t nopal_add32(uint64_t address, uint32_t value) {
    return __atomic_fetch_add((uint32_t *)(uintptr_t)address, value, __ATOMIC_ACQ_REL);
}
static inline uint64_t nopal_add64(uint64_t address, uint64_t value) {
    return __atomic_fetch_add((uint64_t *)(uintptr_t)address, value, __ATOMIC_ACQ_REL);
}
static inline uint32_t nopal_exchange32(uint64_t address, uint32_t value) {
    return __atomic_exchange_n((uint32_t *)(uintptr_t)address, value, __ATOMIC_ACQ_REL);
}
/// Nonzero when `desired` was stored.
static inline uint32_t nopal_swap32(uint64_t address, uint32_t expected, uint32_t desired) {
    return __atomic_compare_exchange_n((uint32_t *)(uintptr_t)address, &expected, desired, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}
