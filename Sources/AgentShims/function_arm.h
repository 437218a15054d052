// The beginning of a function in A32 assembly.
#pragma once

        .syntax unified
        .arm
        .text
        .balign 4

        .macro  FUNCTION name
        .globl  \name
        .hidden \name
        .type   \name, %function
\name:
        .endm
