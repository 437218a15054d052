#include "shims.h"
#include <stdatomic.h>

// The contract with stubs: `ThreadStateLayout` and `ShadowEntry` name the same offsets.
_Static_assert(offsetof(struct nopal_thread, cursor) == 0, "ThreadStateLayout.cursor");
_Static_assert(offsetof(struct nopal_thread, epoch) == 8, "ThreadStateLayout.epoch");
_Static_assert(offsetof(struct nopal_thread, shadow_top) == 16, "ThreadStateLayout.shadowTop");
_Static_assert(offsetof(struct nopal_thread, depth_limit) == 24, "ThreadStateLayout.depthLimit");
_Static_assert(offsetof(struct nopal_thread, shadow_base) == 32, "ThreadStateLayout.Field.shadowBase");
_Static_assert(offsetof(struct nopal_thread, block) == 48, "ThreadStateLayout.Field.block");
_Static_assert(offsetof(struct nopal_thread, serial) == 64, "ThreadStateLayout.Field.block");
_Static_assert(offsetof(struct nopal_thread, lost) == 72, "ThreadStateLayout.Field.lost");
_Static_assert(offsetof(struct nopal_thread, lingering) == 112, "ThreadStateLayout.Field.lingering");
_Static_assert(offsetof(struct nopal_thread, failed_generation) == 144, "ThreadStateLayout.Field.failedGeneration");
_Static_assert(sizeof(struct nopal_thread) == 152, "ThreadStateLayout.Field.byteCount");
_Static_assert(offsetof(struct nopal_entry, return_address) == 0, "ShadowEntry.returnAddress");
_Static_assert(offsetof(struct nopal_entry, saved) == 8, "ShadowEntry.saved");
_Static_assert(offsetof(struct nopal_entry, negated_slot) == 16, "ShadowEntry.negatedSlot");
_Static_assert(offsetof(struct nopal_entry, exit_word) == 24, "ShadowEntry.exitWord");
_Static_assert(sizeof(struct nopal_entry) == 32, "ShadowEntry.byteCount");

// Lies below every stack pointer, so the first check of a new thread takes the slow path.
static struct nopal_entry unstarted = {.negated_slot = ~UINT64_C(0)};

static __thread struct nopal_thread thread_state __attribute__((tls_model("initial-exec"))) = {
    .shadow_top = (uint64_t)(&unstarted + 1),
    .depth_limit = ~UINT64_C(0),
};

struct nopal_thread *nopal_thread_state(void) { return &thread_state; }

int64_t nopal_thread_state_offset(void) {
    return (int64_t)((char *)&thread_state - (char *)__builtin_thread_pointer());
}

extern int __register_atfork(void (*)(void), void (*)(void), void (*)(void), void *) __attribute__((weak));
extern void *__dso_handle __attribute__((visibility("hidden"), weak));

void nopal_register_fork_child(void (*child)(void)) {
    if (__register_atfork) __register_atfork(0, 0, child, 0);
}

extern uint64_t nopal_exec_resume __attribute__((visibility("hidden")));
void nopal_set_exec_resume(uint64_t address) { nopal_exec_resume = address; }

extern uint64_t nopal_fork_resume[3] __attribute__((visibility("hidden")));
void nopal_set_fork_resume(uint32_t function, uint64_t address) { nopal_fork_resume[function] = address; }

void nopal_fork_hook_fork(void) __attribute__((visibility("hidden")));
void nopal_fork_hook_clone(void) __attribute__((visibility("hidden")));
void nopal_fork_hook_syscall(void) __attribute__((visibility("hidden")));
uint64_t nopal_fork_hook(uint32_t function) {
    void (*hooks[])(void) = {nopal_fork_hook_fork, nopal_fork_hook_clone, nopal_fork_hook_syscall};
    return (uint64_t)hooks[function];
}

void nopal_restorer(void) __attribute__((visibility("hidden")));
uint64_t nopal_restorer_address(void) { return (uint64_t)nopal_restorer; }

struct r_debug;
extern struct r_debug _r_debug __attribute__((weak));
void *nopal_r_debug(void) { return &_r_debug; }

int64_t nopal_system_call(int64_t number, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f) {
    int64_t result;
    register int64_t r10 __asm__("r10") = d;
    register int64_t r8 __asm__("r8") = e;
    register int64_t r9 __asm__("r9") = f;
    __asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

// GDB looks these two names up in the agent's symbol table.
struct jit_descriptor {
    uint32_t version, action;
    struct nopal_jit_entry *relevant, *first;
};
__attribute__((used)) struct jit_descriptor __jit_debug_descriptor = {1, 0, 0, 0};
__attribute__((used, noinline)) void __jit_debug_register_code(void) { __asm__ volatile("" ::: "memory"); }

enum { jit_capacity = 1024, jit_registers = 1, jit_forgets = 2 };
static struct nopal_jit_entry jit_entries[jit_capacity];

static void tell_debugger(struct nopal_jit_entry *entry, uint32_t action) {
    __jit_debug_descriptor.relevant = entry;
    __jit_debug_descriptor.action = action;
    __jit_debug_register_code();
}

void nopal_jit_register(uint32_t index, uint64_t image, uint64_t byte_count) {
    if (index >= jit_capacity) return;
    struct nopal_jit_entry *entry = &jit_entries[index];
    *entry = (struct nopal_jit_entry){__jit_debug_descriptor.first, 0, image, byte_count};
    if (entry->next) entry->next->previous = entry;
    __jit_debug_descriptor.first = entry;
    tell_debugger(entry, jit_registers);
}

void nopal_jit_forget(uint32_t index) {
    if (index >= jit_capacity || jit_entries[index].image == 0) return;
    struct nopal_jit_entry *entry = &jit_entries[index];
    if (entry->next) entry->next->previous = entry->previous;
    if (entry->previous) entry->previous->next = entry->next;
    else __jit_debug_descriptor.first = entry->next;
    tell_debugger(entry, jit_forgets);
    entry->image = 0;
}

// The compiler may call these; libc's own would use vector registers.
void *memset(void *to, int value, size_t count) {
    void *result = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(value) : "memory");
    return result;
}

void *memcpy(void *restrict to, const void *restrict from, size_t count) {
    void *result = to;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count)::"memory");
    return result;
}

void *memmove(void *to, const void *from, size_t count) {
    if ((uintptr_t)to - (uintptr_t)from >= count) return memcpy(to, from, count);
    for (size_t i = count; i > 0; i--) ((volatile char *)to)[i - 1] = ((const char *)from)[i - 1];
    return to;
}

extern void nopal_start(char **environment);
__attribute__((constructor)) static void start(int argc, char **argv, char **environment) {
    (void)argc;
    (void)argv;
    nopal_start(environment);
}
