// Threads that wait, and must not notice: no EINTR, no lost or second wakeup, no closed descriptor.
//
// Two threads a channel play ping-pong with numbered tokens. The one that answers waits inside of a
// traced function. A lost wakeup stops both for good: then the program does not end in its time.
#define _GNU_SOURCE
#include "hammer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum order { GO = 1, PAUSE = 2, STOP = 3 };

// One direction.
struct channel {
    enum hammer_activity activity;
    int epoll, read_end, write_end;
    struct stat stat;  // of the end that is read
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    uint64_t token;
    uint32_t word;
};

struct pair {
    struct channel there, back;
    uint64_t index, round;
};

static void make_epoll(struct channel *channel) {
    channel->read_end = channel->write_end = eventfd(0, EFD_CLOEXEC);
    channel->epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    if (epoll_ctl(channel->epoll, EPOLL_CTL_ADD, channel->read_end, &event)) hammer_fail("epoll_ctl");
}

static void make(struct channel *channel, enum hammer_activity activity) {
    memset(channel, 0, sizeof *channel);
    channel->activity = activity;
    if (activity == HAMMER_EPOLL) make_epoll(channel);
    if (activity == HAMMER_PIPE) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC)) hammer_fail("pipe2: %s", strerror(errno));
        channel->read_end = ends[0];
        channel->write_end = ends[1];
    }
    if (channel->read_end && fstat(channel->read_end, &channel->stat)) hammer_fail("fstat");
    pthread_mutex_init(&channel->mutex, 0);
    pthread_cond_init(&channel->condition, 0);
}

// The descriptor is still the one that was made.
static void check_descriptor(const struct channel *channel) {
    struct stat now;
    if (!channel->read_end) return;
    if (fstat(channel->read_end, &now)) hammer_fail("descriptor %d: %s", channel->read_end, strerror(errno));
    if (now.st_dev != channel->stat.st_dev || now.st_ino != channel->stat.st_ino || now.st_mode != channel->stat.st_mode)
        hammer_fail("descriptor %d is another file now", channel->read_end);
}

static void must(int holds, const char *call) {
    if (!holds) hammer_fail("%s: %s", call, strerror(errno));
}

static long futex(uint32_t *word, int operation, uint32_t value) {
    return syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, 0, 0, 0);
}

static void send_token(struct channel *channel, uint64_t token) {
    switch (channel->activity) {
    case HAMMER_CONDITION:
        must(pthread_mutex_lock(&channel->mutex) == 0, "pthread_mutex_lock");
        must(channel->token == 0, "a token was not fetched");
        channel->token = token;
        must(pthread_cond_signal(&channel->condition) == 0, "pthread_cond_signal");
        must(pthread_mutex_unlock(&channel->mutex) == 0, "pthread_mutex_unlock");
        break;
    case HAMMER_FUTEX:
        must(__atomic_exchange_n(&channel->word, (uint32_t)token, __ATOMIC_SEQ_CST) == 0, "a token was not fetched");
        must(futex(&channel->word, FUTEX_WAKE, 1) >= 0, "futex wake");
        break;
    default:
        must(write(channel->write_end, &token, 8) == 8, "write");
    }
}

static uint64_t receive_condition(struct channel *channel) {
    must(pthread_mutex_lock(&channel->mutex) == 0, "pthread_mutex_lock");
    while (!channel->token) must(pthread_cond_wait(&channel->condition, &channel->mutex) == 0, "pthread_cond_wait");
    uint64_t token = channel->token;
    channel->token = 0;
    must(pthread_mutex_unlock(&channel->mutex) == 0, "pthread_mutex_unlock");
    return token;
}

static uint64_t receive_futex(struct channel *channel) {
    uint32_t token;
    while (!(token = __atomic_load_n(&channel->word, __ATOMIC_SEQ_CST)))
        must(futex(&channel->word, FUTEX_WAIT, 0) == 0 || errno == EAGAIN, "futex wait");
    __atomic_store_n(&channel->word, 0, __ATOMIC_SEQ_CST);
    return token;
}

static uint64_t receive_token(struct channel *channel) {
    if (channel->activity == HAMMER_CONDITION) return receive_condition(channel);
    if (channel->activity == HAMMER_FUTEX) return receive_futex(channel);
    if (channel->activity == HAMMER_EPOLL) {
        struct epoll_event event;
        must(epoll_wait(channel->epoll, &event, 1, -1) == 1, "epoll_wait");
    }
    uint64_t token;
    must(read(channel->read_end, &token, 8) == 8, "read");
    return token;
}

static void expect(struct pair *pair, uint64_t token, uint64_t round) {
    if (token >> 2 != round)
        hammer_fail("channel %llu: token of round %llu in round %llu", (unsigned long long)pair->index,
                    (unsigned long long)token >> 2, (unsigned long long)round);
}

struct fetching {
    struct pair *pair;
    uint64_t token;
};

static uint64_t fetch(void *context, uint64_t x) {
    struct fetching *fetching = context;
    (void)x;
    return fetching->token = receive_token(&fetching->pair->there);
}

static void *answer(void *argument) {
    struct pair *pair = argument;
    uint64_t random = hammer_options.seed + pair->index + 1;
    hammer_take_slot(pair->there.activity);
    for (uint64_t round = 1;; round++) {
        struct fetching fetching = {pair, 0};
        hammer_call_through(pair->index, fetch, &fetching, hammer_random(&random));
        expect(pair, fetching.token, round);
        send_token(&pair->back, fetching.token);
        if ((fetching.token & 3) == STOP) return 0;
        if ((fetching.token & 3) == PAUSE) hammer_hold_point();
    }
}

static void *ask(void *argument) {
    struct pair *pair = argument;
    uint64_t order = GO;
    for (uint64_t round = 1; order != STOP; round++) {
        order = hammer_is_stopping() ? STOP : hammer_is_holding() ? PAUSE : GO;
        send_token(&pair->there, round << 2 | order);
        uint64_t token = receive_token(&pair->back);
        expect(pair, token, round);
        if ((token & 3) != order) hammer_fail("channel %llu: another order came back", (unsigned long long)pair->index);
        check_descriptor(&pair->there);
        check_descriptor(&pair->back);
        hammer_count_round(pair->there.activity, 1);
        if (order == PAUSE) hammer_hold_point();
        if (order == GO) hammer_sleep(500000);
    }
    return 0;
}

void hammer_start_pairs(void) {
    static struct pair pairs[HAMMER_ACTIVITIES];
    for (enum hammer_activity activity = HAMMER_EPOLL; activity <= HAMMER_FUTEX; activity++) {
        if (!hammer_options.active[activity]) continue;
        struct pair *pair = &pairs[activity];
        pair->index = activity - HAMMER_EPOLL;
        make(&pair->there, activity);
        make(&pair->back, activity);
        hammer_start(answer, pair);
        hammer_start(ask, pair);
    }
}

// Sleeps through, inside of a traced function.
static uint64_t sleep_in_callback(void *context, uint64_t x) {
    (void)context;
    hammer_sleep(1000000);
    return x;
}

void *hammer_sleep_thread(void *argument) {
    uint64_t random = hammer_options.seed * 47 + 1;
    hammer_take_slot(HAMMER_SLEEP);
    while (!hammer_is_stopping()) {
        hammer_hold_point();
        hammer_call_through(4, sleep_in_callback, 0, hammer_random(&random));
        hammer_count_round(HAMMER_SLEEP, 1);
    }
    return argument;
}
