/// A 64-bit general register, with its number in encodings.
public enum X86Register: UInt8, Sendable, CaseIterable {
    case rax = 0, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
}

/// An operand in memory.
public enum X86Memory: Equatable, Hashable, Sendable {
    /// `[register + displacement]`
    case base(X86Register, Int32)
    /// `fs:[displacement]`: thread-local storage on Linux.
    case fs(Int32)
    /// `[rip + displacement]`, counted from the end of the instruction.
    case rip(Int32)
}

/// A condition of `jcc`, with its number in the opcode.
public enum X86Condition: UInt8, Sendable, CaseIterable {
    case aboveOrEqual = 0x3
    case equal = 0x4
    case notEqual = 0x5
    case belowOrEqual = 0x6
}

/// The instructions that sleds, stubs and thunks are made of.
///
/// Source: Intel SDM vol. 2, one line an instruction; `X86Encoder` has the opcodes.
/// Displacements of branches count from the end of the instruction, in bytes.
public enum X86Instruction: Equatable, Hashable, Sendable {
    case push(X86Register)
    case pop(X86Register)
    case pushMemory(X86Memory)
    case popMemory(X86Memory)
    /// 64 bits.
    case load(X86Register, X86Memory)
    case store(X86Memory, X86Register)
    /// 32 bits; the upper half of the register becomes zero.
    case load32(X86Register, X86Memory)
    case store32(X86Memory, X86Register)
    case storeImmediate32(X86Memory, UInt32)
    /// 64 bits, the immediate sign-extended.
    case storeImmediate64(X86Memory, Int32)
    case move(X86Register, X86Register)
    /// The immediate sign-extended to 64 bits.
    case moveSigned(X86Register, Int32)
    /// 32 bits; the upper half becomes zero.
    case moveImmediate32(X86Register, UInt32)
    case move32(X86Register, X86Register)
    case loadAddress(X86Register, X86Memory)
    case add(X86Register, X86Register)
    case addImmediate(X86Register, Int8)
    case subtract(X86Register, X86Register)
    case subtractImmediate(X86Register, Int8)
    case compare(X86Register, X86Register)
    case compareImmediate(X86Register, Int8)
    /// Compares memory with a register: flags of `memory - register`.
    case compareMemory(X86Memory, X86Register)
    /// Flags of `register - memory`, 64 bits.
    case compareWithMemory(X86Register, X86Memory)
    /// Flags of `register - memory`, 32 bits.
    case compareWithMemory32(X86Register, X86Memory)
    /// Exchanges and adds: one instruction, not locked.
    case exchangeAdd(X86Memory, X86Register)
    case test32(X86Register, X86Register)
    case testImmediate32(X86Register, UInt32)
    /// `A9 id`: the off form of a sled; nothing but flags changes.
    case testAccumulator(UInt32)
    case readTimeStampCounter
    case jump(Int32)
    case jumpIf(X86Condition, Int32)
    case jumpMemory(X86Memory)
    case call(Int32)
    case callMemory(X86Memory)
    case systemCall
    case ret
    case breakpoint
    /// A NOP of 1 to 9 bytes in the form that Intel recommends.
    case nop(byteCount: Int)
}
