// Entries into the agent on the Arm sets: arguments of one register each become the agent's.
#if defined(__aarch64__) || defined(__arm__)
#include "shims.h"

extern void nopal_prepare_fork(uint64_t function, uint64_t first, uint64_t second, uint64_t third);

static void prepare_fork(uintptr_t function, uintptr_t first, uintptr_t second, uintptr_t third) {
    nopal_prepare_fork(function, first, second, third);
}
uint64_t nopal_prepare_fork_address(void) { return (uint64_t)(uintptr_t)prepare_fork; }
#endif

#if defined(__arm__)

extern uint32_t nopal_enter(uint32_t word, uint64_t slot, uint64_t return_address);
extern uint32_t nopal_record(uint32_t word, uint64_t slot);
extern uint64_t nopal_leave(uint64_t slot, uint64_t register_value, uint64_t place);

uint32_t nopal_enter_here(uint32_t word, uintptr_t slot, uintptr_t return_address) {
    return nopal_enter(word, slot, return_address);
}
uint32_t nopal_record_here(uint32_t word, uintptr_t slot) { return nopal_record(word, slot); }
uint32_t nopal_leave_here(uintptr_t slot, uintptr_t register_value, uintptr_t place) {
    return (uint32_t)nopal_leave(slot, register_value, place);
}
#endif
