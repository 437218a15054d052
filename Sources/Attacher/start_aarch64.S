// The attacher's entry, and the code that it puts into a program, AArch64; see HelperCode of Control for its plan.

#if defined(__aarch64__)
#include "include/started_code.h"

        .text
        .globl  _start
_start:
        mov     x29, #0
        mov     x30, #0
        mov     x0, sp
        and     sp, x0, #-16
        bl      nopal_attach_main
        mov     x8, #94
        svc     #0
        brk     #1

        .section .rodata
        .balign 16
        .globl  nopal_started_code
        .globl  nopal_started_code_end
nopal_started_code:
        svc     #0
        // The first thread: pthread_create(&thread, 0, worker, request); then it ends.
        adr     x19, nopal_started_code
        add     x20, x19, #REQUEST
        add     x0, x20, #THREAD
        mov     x1, #0
        adr     x2, worker
        mov     x3, x20
        ldr     x16, [x19, #CREATE]
        blr     x16
        mov     w0, w0
        str     x0, [x20, #CREATE_RESULT]
        mov     x0, #0
        mov     x8, #93
        svc     #0

        // pthread_detach(pthread_self()); dlopen(unwinder); dlopen(agent); then on to its `nopal_help(request)`.
worker: stp     x29, x30, [sp, #-32]!
        stp     x19, x20, [sp, #16]
        mov     x29, sp
        mov     x20, x0
        adr     x19, nopal_started_code
        ldr     x16, [x19, #SELF]
        blr     x16
        ldr     x16, [x19, #DETACH]
        blr     x16
        adr     x0, unwinder
        mov     w1, #0x102
        ldr     x16, [x19, #OPEN]
        blr     x16
        add     x0, x20, #AGENT_PATH
        mov     w1, #2
        ldr     x16, [x19, #OPEN]
        blr     x16
        str     x0, [x20, #OPEN_RESULT]
        cbz     x0, failed
        adr     x1, entry
        ldr     x16, [x19, #FIND]
        blr     x16
        cbz     x0, failed
        str     x0, [x20, #FUNCTION]
        mov     x16, x0
        mov     x0, x20
        ldp     x19, x20, [sp, #16]
        ldp     x29, x30, [sp], #32
        br      x16

        // The text of dlerror is the thread's own: it waits until it was read, half a minute at most.
failed: ldr     x16, [x19, #ERROR]
        blr     x16
        str     x0, [x20, #OPEN_ERROR]
        mov     x9, #3
        add     x10, x20, #PROGRESS
        stlr    x9, [x10]
        mov     x19, #3000
        movz    x9, #0x9680
        movk    x9, #0x98, lsl #16
        stp     xzr, x9, [sp, #-16]!
1:      mov     x0, sp
        mov     x1, #0
        mov     x8, #101
        svc     #0
        ldar    x9, [x10]
        cmp     x9, #4
        b.eq    2f
        subs    x19, x19, #1
        b.ne    1b
2:      add     sp, sp, #16
        ldp     x19, x20, [sp, #16]
        ldp     x29, x30, [sp], #32
        ret

unwinder:
        .asciz  "libgcc_s.so.1"
entry:  .asciz  "nopal_help"
nopal_started_code_end:

#endif
        .section .note.GNU-stack, "", %progbits
