// The code that the attacher puts into a program: see start_*.S.
#pragma once
#include <stdint.h>

extern const uint8_t nopal_started_code[], nopal_started_code_end[];

static inline const uint8_t *nopal_started_code_start(void) { return nopal_started_code; }
static inline uint64_t nopal_started_code_byte_count(void) {
    return (uint64_t)(nopal_started_code_end - nopal_started_code);
}
