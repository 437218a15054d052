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
__attribute__((used, visibility("hidden"))) struct nopal_entry nopal_unstarted = {.negated_slot = ~UINT64_C(0)};

#if __SIZEOF_POINTER__ == 8
static __thread struct nopal_thread thread_state __attribute__((tls_model("initial-exec"))) = {
    .shadow_top = (uint64_t)(&nopal_unstarted + 1),
    .depth_limit = ~UINT64_C(0),
};
#else
// An address in a field of 64 bits is nothing that C can initialise here: see slow_arm.S.
extern __thread struct nopal_thread thread_state __asm__("nopal_thread_template")
    __attribute__((tls_model("initial-exec"), visibility("hidden")));
#endif

struct nopal_thread *nopal_thread_state(void) { return &thread_state; }

int64_t nopal_thread_state_offset(void) {
    return (int64_t)((char *)&thread_state - (char *)__builtin_thread_pointer());
}

extern int __register_atfork(void (*)(void), void (*)(void), void (*)(void), void *) __attribute__((weak));
void nopal_register_fork_child(void (*child)(void)) {
    if (__register_atfork) __register_atfork(0, 0, child, 0);
}

extern int pthread_create(void *, const void *, void *(*)(void *), void *) __attribute__((weak));
extern int pthread_detach(unsigned long) __attribute__((weak));

int32_t nopal_start_thread(void *(*body)(void *), void *argument) {
    if (!pthread_create || !pthread_detach) return -1;
    unsigned long thread;
    int result = pthread_create(&thread, 0, body, argument);
    if (result == 0) pthread_detach(thread);
    return result;
}

#if defined(__aarch64__)
extern unsigned long getauxval(unsigned long) __attribute__((weak));
uint64_t nopal_page_byte_count(void) {
    static uint64_t known;
    uint64_t found = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (found) return found;
    // Asked once, before anything is changed: later, libc's code may just not be executable.
    found = getauxval ? getauxval(6) : 0;
    if (!found) found = 4096;
    __atomic_store_n(&known, found, __ATOMIC_RELAXED);
    return found;
}
#else
uint64_t nopal_page_byte_count(void) { return 4096; }
#endif

#if defined(__aarch64__) || defined(__arm__)
extern char __libc_single_threaded __attribute__((weak));
uint32_t nopal_is_single_threaded(void) { return !&__libc_single_threaded || __libc_single_threaded; }
#endif

#if defined(__arm__)
extern int _Unwind_VRS_Set(void) __attribute__((weak));
extern int _Unwind_VRS_Get(void) __attribute__((weak));
uint64_t nopal_unwinder_function(uint32_t number) {
    return number == 0 ? (uint64_t)(uintptr_t)_Unwind_VRS_Set : number == 1 ? (uint64_t)(uintptr_t)_Unwind_VRS_Get : 0;
}
#elif defined(__aarch64__)
extern void __register_frame_info(void) __attribute__((weak));
extern void __deregister_frame_info(void) __attribute__((weak));
extern void _Unwind_GetGR(void) __attribute__((weak));
uint64_t nopal_unwinder_function(uint32_t number) {
    void (*functions[])(void) = {__register_frame_info, _Unwind_GetGR, __deregister_frame_info};
    return (uint64_t)(uintptr_t)functions[number];
}
#endif

struct r_debug;
extern struct r_debug _r_debug __attribute__((weak));
void *nopal_r_debug(void) { return &_r_debug; }

extern int dl_iterate_phdr(int (*)(void *, size_t, void *), void *) __attribute__((weak));
uint64_t nopal_iterate_programs(void) { return (uint64_t)(uintptr_t)dl_iterate_phdr; }

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
    *entry = (struct nopal_jit_entry){__jit_debug_descriptor.first, 0, (uintptr_t)image, byte_count};
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

extern void nopal_start(uint64_t environment);
__attribute__((constructor)) static void start(int argc, char **argv, char **environment) {
    (void)argc;
    (void)argv;
    nopal_start((uint64_t)(uintptr_t)environment);
}
