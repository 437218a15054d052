// The ways from a stub into the agent, A32. A stub calls a thunk of its arena, which jumps here; it has saved
// r0...r3, ip and lr itself. The agent is built without vector registers.

#if defined(__arm__)
#include "function_arm.h"

// An unusual entry. In: r0 = upper half of the entry's word, r1 = the slot, r2 = return address of the traced call.
// Out: r0 = 0 to record and push as usual, 1 when everything is done: go to the body.
        FUNCTION nopal_slow_enter
        push    {r4, lr}
        mov     r4, sp
        bic     sp, sp, #7
        bl      nopal_enter_here
        mov     sp, r4
        pop     {r4, pc}

// No room, or another epoch. In: r0 = upper half of the word, r1 = the reserved slot.
// Out: r0 = 0 recorded (or lost), 1 an entry that must not be pushed.
        FUNCTION nopal_slow_record
        push    {r4, lr}
        mov     r4, sp
        bic     sp, sp, #7
        bl      nopal_record_here
        mov     sp, r4
        pop     {r4, pc}

// An exit whose shadow entry is not on top. In: r0 = the slot, r1 = what the body left in r4.
// Out: r0 = the caller's r4, r1 = the return address.
        FUNCTION nopal_slow_leave
        push    {r4, lr}
        mov     r4, sp
        sub     sp, sp, #8
        bic     sp, sp, #7
        mov     r2, sp
        bl      nopal_leave_here
        ldr     r1, [sp]
        mov     sp, r4
        pop     {r4, pc}

// The time for a stub, where user space may not read the counter. Out: r2 low, r3 high; r0, r1 and ip are kept.
        FUNCTION nopal_clock_thunk
        push    {r0, r1, r4, ip, lr}
        mov     r4, sp
        bic     sp, sp, #7
        bl      nopal_clock
        mov     r2, r0
        mov     r3, r1
        mov     sp, r4
        pop     {r0, r1, r4, ip, pc}

// The same where there is no vDSO either: the kernel's clock_gettime64, CLOCK_MONOTONIC.
        FUNCTION nopal_clock_thunk_kernel
        push    {r0, r1, r7, lr}
        sub     sp, sp, #16
        mov     r0, #1
        mov     r1, sp
        movw    r7, #403
        svc     #0
        ldr     r0, [sp]
        ldr     r2, [sp, #8]
        mov     r3, #0
        movw    r1, #0xca00
        movt    r1, #0x3b9a
        umlal   r2, r3, r0, r1
        add     sp, sp, #16
        pop     {r0, r1, r7, pc}

// What a stub is built upon, for each thread: `struct nopal_thread`, its first event still to come.
        .section .tdata, "awT", %progbits
        .balign 8
        .globl  nopal_thread_template
        .hidden nopal_thread_template
        .type   nopal_thread_template, %object
nopal_thread_template:
        .zero   16
        .word   nopal_unstarted + 32, 0
        .word   0xffffffff, 0xffffffff
        .zero   120
        .size   nopal_thread_template, 152

        .section .data.rel.ro, "aw"
        .balign 8
        .globl  nopal_vectors
        .hidden nopal_vectors
nopal_vectors:
        .word   nopal_slow_enter, 0
        .word   nopal_slow_record, 0
        .word   nopal_slow_leave, 0
        .word   nopal_personality, 0

#endif
        .section .note.GNU-stack, "", %progbits
