/* The breakpoint protocol on x86-64, by hand, for SPIN: a NOP of five bytes that straddles two fetch granules becomes
 * a jump and back and a jump again, while THREADS threads run it. Fetching is a step of its own here.
 *
 *   spin -DTHREADS=2 -DMIDDLE_SYNC=1 -a breakpoint.pml && gcc -O3 -DSAFETY pan.c -o pan && ./pan
 *
 * Source of what it does: docs/PATCHING.md. */
#ifndef THREADS
#define THREADS 2
#endif
#ifndef MIDDLE_SYNC
#define MIDDLE_SYNC 1
#endif

#define OLD 0
#define NEW 1
#define INT3 2
#define NONE 3

byte head = OLD;              /* the first byte, in the first granule */
byte tail = OLD;              /* what of the instruction lies in the second one */
byte fetched_head[THREADS];   /* each thread's window; NONE: not fetched */
byte fetched_tail[THREADS];
bool catches = false;         /* a trap handler is in place */
bool ended[4];                /* plan n is done */

inline drop_window(i) { d_step { fetched_head[i] = NONE; fetched_tail[i] = NONE } }

/* membarrier: each thread's window is emptied, one after the other. */
inline sync() {
    i = 0;
    do
    :: i < THREADS -> drop_window(i); i++
    :: else -> break
    od
}

proctype executor(byte me) {
    drop_window(me);
    do
    :: true ->                            /* the function is called: a taken branch */
        drop_window(me);
        do
        :: fetched_head[me] == NONE -> fetched_head[me] = head
        :: fetched_tail[me] == NONE -> fetched_tail[me] = tail
        :: atomic { fetched_head[me] == INT3 -> drop_window(me) };
            assert(catches);              /* the handler looks, and sends it past the site */
            break
        :: atomic { fetched_head[me] < INT3 && fetched_tail[me] != NONE ->
            assert(fetched_head[me] == fetched_tail[me]) };   /* half old, half new */
            if
            :: fetched_head[me] == NEW -> drop_window(me); skip     /* the stub: entry, body, exit */
            :: else
            fi;
            break
        od;
        skip                              /* the body */
    od
}

active proctype patcher() {
    byte i, round = 0, form;
    do
    :: round < 3 ->
        form = (round % 2 == 0 -> NEW : OLD);
        catches = true;
        head = INT3;
        sync();
        tail = form;
        if
        :: MIDDLE_SYNC -> sync()
        :: else
        fi;
        head = form;
        sync();
        ended[round] = true;
        round++
    :: else -> break
    od
}

init {
    byte n = 0;
    atomic {
        do
        :: n < THREADS -> fetched_head[n] = NONE; fetched_tail[n] = NONE; run executor(n); n++
        :: else -> break
        od
    }
}
