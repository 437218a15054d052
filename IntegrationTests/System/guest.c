// Says what the guest of run-guest can do, a line a fact, for check-guest; and leaves 50 MiB in the file argv[1].
#define _GNU_SOURCE
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

enum { processorLimit = 64, threadCount = 3, byteCount = 50 << 20 };

static void *move(void *processor) {
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET((intptr_t)processor, &only);
    if (pthread_setaffinity_np(pthread_self(), sizeof only, &only) != 0) return NULL;
    return (void *)(intptr_t)(sched_getcpu() == (intptr_t)processor);
}

// How many processors a thread of its own ran on.
static void tellProcessors(void) {
    int count = 0;
    for (intptr_t processor = 0; processor < processorLimit; processor++) {
        pthread_t thread;
        void *there = NULL;
        if (pthread_create(&thread, NULL, move, (void *)processor) != 0) break;
        pthread_join(thread, &there);
        count += there != NULL;
    }
    printf("processors %ld, threads ran on %d\n", sysconf(_SC_NPROCESSORS_ONLN), count);
}

static int membarrier(int command) { return syscall(SYS_membarrier, command, 0, 0) == 0 ? 0 : errno; }

// The kernel refuses the barrier (EPERM is 1) until the process has registered.
static void tellMembarrier(void) {
    int before = membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE);
    int registered = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE);
    int after = membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE);
    printf("membarrier sync core: unregistered %d, registration %d, registered %d\n", before, registered, after);
}

static uint64_t counter(void) {
    uint64_t value;
#ifdef __aarch64__
    __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(value)::"memory");
#else
    __asm__ volatile("isb\n\tmrrc p15, 1, %Q0, %R0, c14" : "=r"(value)::"memory");
#endif
    return value;
}

static sigjmp_buf refused;
static void refuse(int signal) { siglongjmp(refused, signal); }

static void tellCounter(void) {
    signal(SIGILL, refuse);
    int signal = sigsetjmp(refused, 1);
    if (signal != 0) {
        printf("CNTVCT: signal %d\n", signal);
        return;
    }
    uint64_t before = counter();
    usleep(100000);
    uint64_t ticks = counter() - before;
    printf("CNTVCT: readable, %s\n", ticks > 0 && ticks >> 40 == 0 ? "advances" : "does not advance");
}

// What the child shares with its tracer: how many threads spin. `stop` is its own, for the tracer to poke.
static _Atomic int *spinning;
static volatile long stop;
extern char __start_spins[], __stop_spins[];

__attribute__((noinline, section("spins"))) static void *spin(void *unused) {
    ++*spinning;
    while (!stop) {}
    return unused;
}

static void runChild(void) {
    pthread_t threads[threadCount - 1];
    for (int i = 0; i < threadCount - 1; i++) pthread_create(&threads[i], NULL, spin, NULL);
    spin(NULL);
    for (int i = 0; i < threadCount - 1; i++) pthread_join(threads[i], NULL);
    _exit(42);
}

static uintptr_t programCounter(pid_t thread) {
    struct iovec registers;
#ifdef __aarch64__
    struct user_regs_struct all = {0};
#else
    struct user_regs all = {0};
#endif
    registers.iov_base = &all;
    registers.iov_len = sizeof all;
    if (ptrace(PTRACE_GETREGSET, thread, (void *)NT_PRSTATUS, &registers) != 0) return 0;
#ifdef __aarch64__
    return all.pc;
#else
    return all.uregs[15];
#endif
}

// Whether the thread was stopped in `spin`, and its code could be read, is ours, and could be written.
static int stopAndPoke(pid_t thread) {
    int status;
    if (ptrace(PTRACE_SEIZE, thread, 0, 0) != 0 || ptrace(PTRACE_INTERRUPT, thread, 0, 0) != 0) return 0;
    if (waitpid(thread, &status, __WALL) != thread || status >> 8 != (SIGTRAP | PTRACE_EVENT_STOP << 8)) return 0;
    uintptr_t pc = programCounter(thread);
    if (pc < (uintptr_t)__start_spins || pc >= (uintptr_t)__stop_spins) return 0;
    long *word = (long *)(pc & -sizeof(long));
    errno = 0;
    long code = ptrace(PTRACE_PEEKTEXT, thread, word, 0);
    return errno == 0 && code == *word && ptrace(PTRACE_POKETEXT, thread, word, code) == 0;
}

static void tellPtrace(void) {
    spinning = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fflush(stdout);
    pid_t child = fork(), threads[threadCount] = {0};
    if (child == 0) runChild();
    while (*spinning < threadCount) usleep(1000);

    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", child);
    DIR *tasks = opendir(path);
    int found = 0, stopped = 0, detached = 0, status = 0;
    for (struct dirent *entry; tasks && found < threadCount && (entry = readdir(tasks));)
        if (entry->d_name[0] != '.') threads[found++] = atoi(entry->d_name);
    for (int i = 0; i < found; i++) stopped += stopAndPoke(threads[i]);
    int poked = ptrace(PTRACE_POKEDATA, child, (void *)&stop, (void *)1) == 0;
    for (int i = 0; i < found; i++) detached += ptrace(PTRACE_DETACH, threads[i], 0, 0) == 0;
    // The child sees the poked word, or would spin for ever.
    if (!poked) kill(child, SIGKILL);
    waitpid(child, &status, __WALL);
    printf("ptrace: threads %d, stopped and poked %d, detached %d, then status %d\n", found, stopped, detached,
           WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

static void leave(const char *path) {
    FILE *file = fopen(path, "w");
    uint32_t value = 1;
    for (int i = 0; file && i < byteCount / 4; i++) {
        value ^= value << 13, value ^= value >> 17, value ^= value << 5;
        if (fwrite(&value, 4, 1, file) != 1) exit(1);
    }
    if (!file || fclose(file) != 0) exit(1);
}

int main(int argc, char **argv) {
    struct utsname name;
    uname(&name);
    printf("kernel %s %s\n", name.release, name.machine);
    tellProcessors();
    tellMembarrier();
    tellCounter();
    tellPtrace();
    if (argc > 1) leave(argv[1]);
    return 0;
}
