// The ways from a stub into the agent. A stub calls a thunk of its arena, which jumps here.
// The agent is built without vector registers, so saving the caller-saved general registers
// that the stub has not saved itself is enough.

#if defined(__x86_64__)

        .macro  SAVE
        .cfi_startproc
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset rbp, 0
        movq    %rsp, %rbp
        .cfi_def_cfa_register rbp
        pushq   %rsi
        pushq   %rdi
        pushq   %r8
        pushq   %r9
        pushq   %r10
        pushq   %r11
        cld
        .endm

        .macro  RESTORE
        leaq    -48(%rbp), %rsp
        popq    %r11
        popq    %r10
        popq    %r9
        popq    %r8
        popq    %rdi
        popq    %rsi
        popq    %rbp
        .cfi_def_cfa rsp, 8
        .cfi_restore rbp
        .endm

        .text

// An unusual entry. In: edx = upper half of the entry's word.
// Stack: return into the stub, rdx, rax, rcx, return address of the traced call.
// Out: eax = 0 to record and push as usual, 1 when everything is done: go to the body.
        .globl  nopal_slow_enter
        .hidden nopal_slow_enter
        .type   nopal_slow_enter, @function
nopal_slow_enter:
        SAVE
        movl    %edx, %edi
        leaq    40(%rbp), %rsi
        andq    $-16, %rsp
        call    nopal_enter
        RESTORE
        ret
        .cfi_endproc

// No room, or another epoch. In: edx = upper half of the word, rcx = the reserved slot.
// Out: eax = 0 recorded (or lost), 1 an entry that must not be pushed.
        .globl  nopal_slow_record
        .hidden nopal_slow_record
        .type   nopal_slow_record, @function
nopal_slow_record:
        SAVE
        movl    %edx, %edi
        movq    %rcx, %rsi
        andq    $-16, %rsp
        call    nopal_record
        RESTORE
        ret
        .cfi_endproc

// An exit whose shadow entry is not on top. In: rbx = what the body left there.
// Stack: return into the stub, the slot of the return address (to be filled), ...
// Out: the slot filled, rbx restored; every other register as it was.
        .globl  nopal_slow_leave
        .hidden nopal_slow_leave
        .type   nopal_slow_leave, @function
nopal_slow_leave:
        SAVE
        pushq   %rax
        pushq   %rcx
        pushq   %rdx
        leaq    16(%rbp), %rdi
        movq    %rbx, %rsi
        andq    $-16, %rsp
        call    nopal_leave
        movq    %rax, %rbx
        leaq    -72(%rbp), %rsp
        popq    %rdx
        popq    %rcx
        popq    %rax
        RESTORE
        ret
        .cfi_endproc

// Stands where libc's execve had `mov $59, %eax`: the environment gains what a followed
// program needs, and libc's own system call goes on.
        .globl  nopal_exec_hook
        .hidden nopal_exec_hook
        .type   nopal_exec_hook, @function
nopal_exec_hook:
        .cfi_startproc
        pushq   %rdi
        .cfi_adjust_cfa_offset 8
        pushq   %rsi
        .cfi_adjust_cfa_offset 8
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        movq    %rdx, %rsi
        call    nopal_prepare_exec
        movq    %rax, %rdx
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        popq    %rsi
        .cfi_adjust_cfa_offset -8
        popq    %rdi
        .cfi_adjust_cfa_offset -8
        movl    $59, %eax
        jmpq    *nopal_exec_resume(%rip)
        .cfi_endproc

        .bss
        .balign 8
        .globl  nopal_exec_resume
        .hidden nopal_exec_resume
nopal_exec_resume:
        .zero   8

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
        .section .note.GNU-stack, "", @progbits
