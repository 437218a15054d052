// The agent's clock on the Arm sets: the counter where user space may read it, else the vDSO, else the kernel.
#if defined(__aarch64__) || defined(__arm__)
#include "shims.h"

uint32_t nopal_has_counter;

typedef struct { int64_t seconds, nanos; } time64;
static int32_t (*vdso_clock)(int32_t, time64 *);

#if defined(__aarch64__)
enum { clock_gettime_number = 113 };
#define VDSO_CLOCK "__kernel_clock_gettime"
#else
enum { clock_gettime_number = 403 };
#define VDSO_CLOCK "__vdso_clock_gettime64"
#endif

uint64_t nopal_clock(void) {
    time64 now = {0, 0};
    if (!vdso_clock || vdso_clock(1, &now) != 0)
        nopal_system_call(clock_gettime_number, 1, (int64_t)(uintptr_t)&now, 0, 0, 0, 0);
    return (uint64_t)now.seconds * 1000000000 + (uint64_t)now.nanos;
}

void nopal_clock_thunk(void) __attribute__((visibility("hidden")));
#if defined(__arm__)
void nopal_clock_thunk_kernel(void) __attribute__((visibility("hidden")));
#endif

uint64_t nopal_clock_thunk_address(void) {
#if defined(__arm__)
    if (!vdso_clock) return (uint64_t)(uintptr_t)nopal_clock_thunk_kernel;
#endif
    return (uint64_t)(uintptr_t)nopal_clock_thunk;
}

struct elf_header {
    uint8_t identity[16];
    uint16_t type, machine;
    uint32_t version;
    uintptr_t entry, program_offset, section_offset;
    uint32_t flags;
    uint16_t byte_count, program_byte_count, program_count;
};
#if defined(__aarch64__)
struct program_header { uint32_t type, flags; uint64_t offset, address, physical, file_size, memory_size, alignment; };
struct symbol { uint32_t name; uint8_t info, other; uint16_t section; uint64_t value, size; };
#else
struct program_header { uint32_t type, offset, address, physical, file_size, memory_size, flags, alignment; };
struct symbol { uint32_t name, value, size; uint8_t info, other; uint16_t section; };
#endif

static int same(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}

/// A function of the vDSO; 0 without one. Source: the System V ABI, chapter 5; vdso(7).
static uintptr_t vdso_function(uintptr_t base, const char *name) {
    const struct elf_header *header = (const struct elf_header *)base;
    const struct program_header *program = (const struct program_header *)(base + header->program_offset);
    uintptr_t bias = base, dynamic = 0;
    for (uint32_t i = 0; i < header->program_count; i++) {
        if (program[i].type == 1) bias = base + program[i].offset - program[i].address;
        if (program[i].type == 2) dynamic = program[i].address;
    }
    if (!dynamic) return 0;
    const char *names = 0;
    const struct symbol *symbols = 0;
    const uint32_t *hash = 0;
    for (const uintptr_t *tag = (const uintptr_t *)(bias + dynamic); tag[0]; tag += 2) {
        uintptr_t at = bias + tag[1];
        if (tag[0] == 4) hash = (const uint32_t *)at;
        if (tag[0] == 5) names = (const char *)at;
        if (tag[0] == 6) symbols = (const struct symbol *)at;
    }
    if (!names || !symbols || !hash) return 0;
    for (uint32_t i = 0; i < hash[1]; i++)
        if (symbols[i].section && same(names + symbols[i].name, name)) return bias + symbols[i].value;
    return 0;
}

extern unsigned long getauxval(unsigned long) __attribute__((weak));

void nopal_choose_clock(uint32_t has_counter) {
    uintptr_t vdso = getauxval ? getauxval(33) : 0;
    if (vdso) vdso_clock = (int32_t(*)(int32_t, time64 *))vdso_function(vdso, VDSO_CLOCK);
    nopal_has_counter = has_counter;
}
#endif
