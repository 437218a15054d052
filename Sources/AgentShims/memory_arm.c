// What compilers call, for the Arm sets: libc's own may use vector registers, or be traced.
#if defined(__aarch64__) || defined(__arm__)
#include "shims.h"

void *memset(void *to, int value, size_t count) {
    for (size_t i = 0; i < count; i++) ((volatile char *)to)[i] = (char)value;
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t count) {
    for (size_t i = 0; i < count; i++) ((volatile char *)to)[i] = ((const char *)from)[i];
    return to;
}

void *memmove(void *to, const void *from, size_t count) {
    if ((uintptr_t)to - (uintptr_t)from >= count) return memcpy(to, from, count);
    for (size_t i = count; i > 0; i--) ((volatile char *)to)[i - 1] = ((const char *)from)[i - 1];
    return to;
}
#endif
