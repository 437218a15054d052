// The agent's C for x86-64: system calls, what compilers call, hooks of libc.
#if defined(__x86_64__)
#include "shims.h"

int64_t nopal_system_call(int64_t number, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f) {
    int64_t result;
    register int64_t r10 __asm__("r10") = d;
    register int64_t r8 __asm__("r8") = e;
    register int64_t r9 __asm__("r9") = f;
    __asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
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
#endif
