// How a traced program counts for itself: the oracle that Nopal's account is compared with.
//
// The counters lie in a file mapped shared (argv[1]), so they outlive SIGKILL and are common to
// forked children. They are kept per thread and function; count.c is never instrumented.
//
// COUNT() at the head of a body counts the entry, and at its end an exit or, when an exception
// passes, `unwound`. ENTER()/EXIT() count by hand, where a cleanup would be in the way (tail
// calls, longjmp). What is neither exited nor unwound is open.
#pragma once

#ifdef __cplusplus
extern "C" {
#define COUNT_C extern "C"
#else
#define COUNT_C
#endif

struct count_site {
    const char *name;
    int index;
};

struct count_frame {
    struct count_site *site;
    unsigned exceptions;  // in flight at entry
    int is_explicit;      // only RETURNS() makes this frame's end an exit
    int returned;
};

void count_enter(struct count_site *site);
void count_exit(struct count_site *site);
void count_frame_begin(struct count_frame *frame);
void count_frame_end(struct count_frame *frame);
// Counts for a function that cannot do it in its own body (leaves, compiler-made functions).
void count_for(const char *name, long entries, long exits, long unwound);
// To be called in a child made by a raw clone or fork system call.
void count_new_thread(void);

#ifdef __cplusplus
}
#endif

#ifdef __clang__
#define TRACED COUNT_C __attribute__((noinline, used))
#define UNTRACED                                                                         \
    __attribute__((noinline, no_instrument_function, patchable_function_entry(0, 0),     \
                   xray_never_instrument))
#define TRACED_METHOD __attribute__((noinline, used))
#else
#define TRACED COUNT_C __attribute__((noinline, noclone, used))
#define UNTRACED \
    __attribute__((noinline, noclone, no_instrument_function, patchable_function_entry(0, 0)))
#define TRACED_METHOD __attribute__((noinline, noclone, used))
#endif

#define COUNT_AS(function_name)                                                     \
    static struct count_site count_site_ = {function_name, 0};                     \
    struct count_frame count_frame_ __attribute__((cleanup(count_frame_end))) = {  \
        &count_site_, 0, 0, 0};                                                     \
    count_frame_begin(&count_frame_)
#define COUNT() COUNT_AS(__FUNCTION__)
// For frames that a forced unwind (pthread_exit, pthread_cancel) may end.
#define COUNT_UNTIL_RETURNS() \
    COUNT();                  \
    count_frame_.is_explicit = 1
#define RETURNS() count_frame_.returned = 1

#define ENTER()                                                  \
    static struct count_site count_site_ = {0, 0};               \
    if (!count_site_.name) count_site_.name = __FUNCTION__;      \
    count_enter(&count_site_)
#define EXIT() count_exit(&count_site_)
#define UNWOUND(name, n) count_for(name, 0, 0, n)
