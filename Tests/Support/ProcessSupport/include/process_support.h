// Starts programs for tests: own process group, files for the three standard streams, default
// signal dispositions, no inherited descriptors, and a time limit that ends the whole group.
#pragma once
#include <stdint.h>

// Where the process runs and what it may use; paths are absolute, a limit of 0 is none.
typedef struct {
    uint64_t file_size_limit_bytes; // RLIMIT_FSIZE
    uint64_t memory_limit_bytes;    // RLIMIT_AS
    uint64_t descriptor_soft_limit; // RLIMIT_NOFILE, the hard limit stays
    uint64_t ignored_signals;       // bit n is signal n
    uint64_t blocked_signals;
} process_limits;

// `arguments` (from argv[0]) and `environment` end with NULL; `files` is the working directory and
// the paths of stdout and stderr, which are created. The process id, or -errno.
int process_start(const char *program, char *const *arguments, char *const *environment,
                  char *const *files, process_limits limits);
// Waits at most `limit_millis`, then kills the group: 1 when it ended by itself (`status` is
// waitpid's), 0 when it had to be killed, -errno on failure.
int process_wait(int pid, int limit_millis, int *status);
// Waits for any process, child or not, to end: 1 when it has, 0 when it has not in time.
int process_await_end(int pid, int limit_millis);
int process_kill(int pid, int signal_number);
