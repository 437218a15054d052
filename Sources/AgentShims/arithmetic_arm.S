// What compilers call for numbers of 64 bits. Source: Run-time ABI for the Arm Architecture, 4.2 and 4.3.

#if defined(__arm__)
#include "function_arm.h"

// Division. In: r0 and r1, r2 and r3. Out: quotient, then remainder.
        FUNCTION __aeabi_uldivmod
        push    {r4, lr}
        sub     sp, sp, #16
        add     r4, sp, #8
        str     r4, [sp]
        bl      nopal_divide
        ldr     r2, [sp, #8]
        ldr     r3, [sp, #12]
        add     sp, sp, #16
        pop     {r4, pc}

// Shifts, of r0 and r1 by r2.
        FUNCTION __aeabi_llsr
        subs    r3, r2, #32
        rsb     ip, r2, #32
        lsrmi   r0, r0, r2
        orrmi   r0, r0, r1, lsl ip
        lsrpl   r0, r1, r3
        lsr     r1, r1, r2
        bx      lr

        FUNCTION __aeabi_lasr
        subs    r3, r2, #32
        rsb     ip, r2, #32
        lsrmi   r0, r0, r2
        orrmi   r0, r0, r1, lsl ip
        asrpl   r0, r1, r3
        asr     r1, r1, r2
        bx      lr

        FUNCTION __aeabi_llsl
        subs    r3, r2, #32
        rsb     ip, r2, #32
        lslmi   r1, r1, r2
        orrmi   r1, r1, r0, lsr ip
        lslpl   r1, r0, r3
        lsl     r0, r0, r2
        bx      lr

#endif
        .section .note.GNU-stack, "", %progbits
