// The attacher's entry, and the code that it puts into a program, A32; see HelperCode of Control for its plan.

#if defined(__arm__)
#include "include/started_code.h"

        .syntax unified
        .arm
        .text
        .balign 4
        .globl  _start
        .type   _start, %function
_start:
        mov     fp, #0
        mov     lr, #0
        mov     r0, sp
        bic     sp, sp, #7
        bl      nopal_attach_main
        mov     r7, #248
        svc     #0
        udf     #0

        .section .rodata
        .balign 16
        .globl  nopal_started_code
        .globl  nopal_started_code_end
nopal_started_code:
        svc     #0
        // The first thread: pthread_create(&thread, 0, worker, request); then it ends.
        adr     r4, nopal_started_code
        add     r5, r4, #REQUEST
        add     r0, r5, #THREAD
        mov     r1, #0
        adr     r2, worker
        mov     r3, r5
        ldr     ip, [r4, #CREATE]
        blx     ip
        str     r0, [r5, #CREATE_RESULT]
        mov     r0, #0
        str     r0, [r5, #CREATE_RESULT + 4]
        mov     r7, #1
        svc     #0

        // pthread_detach(pthread_self()); dlopen(unwinder); dlopen(agent); then on to its `nopal_help(request)`.
worker: push    {r4, r5, r7, lr}
        mov     r5, r0
        adr     r4, nopal_started_code
        ldr     ip, [r4, #SELF]
        blx     ip
        ldr     ip, [r4, #DETACH]
        blx     ip
        adr     r0, unwinder
        movw    r1, #0x102
        ldr     ip, [r4, #OPEN]
        blx     ip
        add     r0, r5, #AGENT_PATH
        mov     r1, #2
        ldr     ip, [r4, #OPEN]
        blx     ip
        str     r0, [r5, #OPEN_RESULT]
        cmp     r0, #0
        beq     failed
        adr     r1, entry
        ldr     ip, [r4, #FIND]
        blx     ip
        cmp     r0, #0
        beq     failed
        str     r0, [r5, #FUNCTION]
        mov     ip, r0
        // Its argument has 64 bits.
        mov     r0, r5
        mov     r1, #0
        pop     {r4, r5, r7, lr}
        bx      ip

        // The text of dlerror is the thread's own: it waits until it was read, half a minute at most.
failed: ldr     ip, [r4, #ERROR]
        blx     ip
        str     r0, [r5, #OPEN_ERROR]
        mov     r0, #3
        dmb     ish
        str     r0, [r5, #PROGRESS]
        movw    r4, #3000
        movw    r1, #0x9680
        movt    r1, #0x98
        mov     r0, #0
        push    {r0, r1}
1:      mov     r0, sp
        mov     r1, #0
        mov     r7, #162
        svc     #0
        ldr     r0, [r5, #PROGRESS]
        cmp     r0, #4
        beq     2f
        subs    r4, r4, #1
        bne     1b
2:      add     sp, sp, #8
        pop     {r4, r5, r7, pc}

        .balign 4
unwinder:
        .asciz  "libgcc_s.so.1"
        .balign 4
entry:  .asciz  "nopal_help"
nopal_started_code_end:

#endif
        .section .note.GNU-stack, "", %progbits
