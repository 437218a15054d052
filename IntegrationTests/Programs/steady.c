// A steady stream of calls: argv[2] threads, argv[3] calls in each; then prints "done". argv[4] is
// a file to write the process id to when a quarter
// is done; its removal is waited for (for faults in between).
#include "count.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static long calls;
static const char *marker;

UNTRACED static void mark(void) {
    FILE *file = fopen(marker, "w");
    fprintf(file, "%d\n", getpid());
    fclose(file);
}
TRACED long small(long n) {
    COUNT();
    return n + 1;
}
TRACED long outer(long n) {
    COUNT();
    return small(n) + 1;
}
TRACED void *thread(void *argument) {
    COUNT();
    for (long i = 0; i < calls; i++) {
        outer(i);
        if (marker && !argument && i == calls / 4) {
            mark();
            while (access(marker, F_OK) == 0) usleep(1000);
        }
    }
    return 0;
}

int main(int count, char **arguments) {
    COUNT();
    long threads = count > 2 ? atol(arguments[2]) : 2;
    calls = count > 3 ? atol(arguments[3]) : 10000;
    marker = count > 4 ? arguments[4] : 0;
    pthread_t ids[64];
    for (long i = 0; i < threads; i++) pthread_create(&ids[i], 0, thread, (void *)i);
    for (long i = 0; i < threads; i++) pthread_join(ids[i], 0);
    puts("done");
}
