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
        movq    (%rsi), %rdx
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
        movq    %rdi, %rdx
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

// Stand where libc's _Fork, clone and syscall begin: the block is given back where a child is
// about to get a copy of it; then the replaced instructions, and libc's function goes on.
        .macro  FORK_HOOK name, number
        .globl  nopal_fork_hook_\name
        .hidden nopal_fork_hook_\name
        .type   nopal_fork_hook_\name, @function
nopal_fork_hook_\name:
        .cfi_startproc
        SAVE_ARGUMENTS
        movq    %rdx, %rcx
        movq    %rsi, %rdx
        movq    %rdi, %rsi
        movl    $\number, %edi
        call    nopal_prepare_fork
        RESTORE_ARGUMENTS
        .endm

        .macro  SAVE_ARGUMENTS
        pushq   %rdi
        .cfi_adjust_cfa_offset 8
        pushq   %rsi
        .cfi_adjust_cfa_offset 8
        pushq   %rdx
        .cfi_adjust_cfa_offset 8
        pushq   %rcx
        .cfi_adjust_cfa_offset 8
        pushq   %r8
        .cfi_adjust_cfa_offset 8
        pushq   %r9
        .cfi_adjust_cfa_offset 8
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        .endm

        .macro  RESTORE_ARGUMENTS
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        popq    %r9
        .cfi_adjust_cfa_offset -8
        popq    %r8
        .cfi_adjust_cfa_offset -8
        popq    %rcx
        .cfi_adjust_cfa_offset -8
        popq    %rdx
        .cfi_adjust_cfa_offset -8
        popq    %rsi
        .cfi_adjust_cfa_offset -8
        popq    %rdi
        .cfi_adjust_cfa_offset -8
        .endm

        FORK_HOOK fork, 0
        movq    %fs:0x10, %rax
        jmpq    *nopal_fork_resume(%rip)
        .cfi_endproc

        FORK_HOOK clone, 1
        movq    $-22, %rax
        jmpq    *nopal_fork_resume+8(%rip)
        .cfi_endproc

        FORK_HOOK syscall, 2
        movq    %rdi, %rax
        movq    %rsi, %rdi
        jmpq    *nopal_fork_resume+16(%rip)
        .cfi_endproc

// Unwinders and debuggers know a signal's frame by just these instructions.
        .globl  nopal_restorer
        .hidden nopal_restorer
        .type   nopal_restorer, @function
nopal_restorer:
        movq    $15, %rax
        syscall

        .bss
        .balign 8
        .globl  nopal_fork_resume
        .hidden nopal_fork_resume
nopal_fork_resume:
        .zero   24
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
        .section .note.GNU-stack, "", %progbits
