// The ways from a stub into the agent. A stub calls a thunk of its arena, which jumps here.
// The agent is built without vector registers, so saving the caller-saved general registers
// is enough.

#if defined(__aarch64__)

        .set    FRAME, 192

// x0...x15 and x18 are kept; x16 and x17 carry what goes in and comes out.
        .macro  SAVE
        .cfi_startproc
        stp     x29, x30, [sp, #-FRAME]!
        .cfi_def_cfa_offset FRAME
        .cfi_offset x29, -FRAME
        .cfi_offset x30, -FRAME + 8
        mov     x29, sp
        stp     x0, x1, [sp, #16]
        stp     x2, x3, [sp, #32]
        stp     x4, x5, [sp, #48]
        stp     x6, x7, [sp, #64]
        stp     x8, x9, [sp, #80]
        stp     x10, x11, [sp, #96]
        stp     x12, x13, [sp, #112]
        stp     x14, x15, [sp, #128]
        stp     x17, x18, [sp, #144]
        .endm

        .macro  RESTORE
        ldp     x0, x1, [sp, #16]
        ldp     x2, x3, [sp, #32]
        ldp     x4, x5, [sp, #48]
        ldp     x6, x7, [sp, #64]
        ldp     x8, x9, [sp, #80]
        ldp     x10, x11, [sp, #96]
        ldp     x12, x13, [sp, #112]
        ldr     x14, [sp, #128]
        ldr     x18, [sp, #152]
        ldp     x29, x30, [sp], #FRAME
        .cfi_def_cfa_offset 0
        .cfi_restore x29
        .cfi_restore x30
        .endm

        .macro  FUNCTION name
        .globl  \name
        .hidden \name
        .type   \name, @function
\name:
        .endm

        .text
        .balign 4

// An unusual entry. In: w16 = upper half of the entry's word.
// Stack: return address of the traced call, 8 bytes, x14, x15; the slot lies behind them.
// Out: w16 = 0 to record and push as usual, 1 when everything is done: go to the body.
        FUNCTION nopal_slow_enter
        SAVE
        mov     w0, w16
        add     x1, sp, #FRAME + 32
        ldr     x2, [sp, #FRAME]
        bl      nopal_enter
        mov     w16, w0
        ldr     x15, [sp, #136]
        RESTORE
        ret
        .cfi_endproc

// No room, or another epoch. In: w16 = upper half of the word, x17 = the reserved slot.
// Out: w16 = 0 recorded (or lost), 1 an entry that must not be pushed.
        FUNCTION nopal_slow_record
        SAVE
        mov     w0, w16
        mov     x1, x17
        bl      nopal_record
        mov     w16, w0
        ldr     x15, [sp, #136]
        RESTORE
        ret
        .cfi_endproc

// An exit whose shadow entry is not on top. In: x19 = what the body left there; the stack pointer is the slot.
// Out: x17 = the return address, x19 restored; every other register as it was.
        FUNCTION nopal_slow_leave
        SAVE
        add     x0, sp, #FRAME
        mov     x1, x19
        add     x2, sp, #160
        bl      nopal_leave
        mov     x19, x0
        ldr     x17, [sp, #160]
        ldr     x15, [sp, #136]
        RESTORE
        ret
        .cfi_endproc

// The time for a stub, where user space may not read the counter. Out: x15; x16 and x17 are kept as well.
        FUNCTION nopal_clock_thunk
        SAVE
        str     x16, [sp, #160]
        bl      nopal_clock
        mov     x15, x0
        ldr     x16, [sp, #160]
        ldr     x17, [sp, #144]
        RESTORE
        ret
        .cfi_endproc

        .section .data.rel.ro, "aw"
        .balign 8
        .globl  nopal_vectors
        .hidden nopal_vectors
nopal_vectors:
        .quad   nopal_slow_enter
        .quad   nopal_slow_record
        .quad   nopal_slow_leave
        .quad   nopal_personality

#endif
        .section .note.GNU-stack, "", %progbits
