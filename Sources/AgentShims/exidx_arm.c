// Where the unwinder of 32-bit Arm finds the index table of a frame: the agent answers for its arenas, and for all
// others as the C library does. Source: Exception Handling ABI for the Arm Architecture, 5; dl_iterate_phdr(3).
#if defined(__arm__)
#include "shims.h"

extern uintptr_t nopal_find_arena_index(uintptr_t pc);

struct program_header { uint32_t type, offset, address, physical, file_size, memory_size, flags, alignment; };
struct program { uintptr_t bias; const char *name; const struct program_header *headers; uint16_t count; };
struct search { uintptr_t pc, table; uint32_t byte_count; };

static int look(const struct program *program, size_t size, struct search *search) {
    (void)size;
    int holds = 0;
    const struct program_header *table = 0;
    for (uint32_t i = 0; i < program->count; i++) {
        const struct program_header *header = &program->headers[i];
        if (header->type == 1 && search->pc - (program->bias + header->address) < header->memory_size) holds = 1;
        if (header->type == 0x70000001) table = header;
    }
    if (!holds) return 0;
    if (table) {
        search->table = program->bias + table->address;
        search->byte_count = table->memory_size;
    }
    return 1;
}

extern int dl_iterate_phdr(int (*)(const struct program *, size_t, struct search *), struct search *)
    __attribute__((weak));

__attribute__((visibility("default"))) uintptr_t __gnu_Unwind_Find_exidx(uintptr_t pc, int32_t *count) {
    uintptr_t own = nopal_find_arena_index(pc);
    if (own) {
        *count = 2;
        return own;
    }
    struct search search = {pc, 0, 0};
    if (dl_iterate_phdr) dl_iterate_phdr(look, &search);
    *count = (int32_t)(search.byte_count / 8);
    return search.table;
}
#endif
