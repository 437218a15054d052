import MachineCode

/// What stands at a function's entry and can be turned into a call-through to a stub.
public enum SiteShape: Equatable, Hashable, Sendable {
    /// One NOP of full size (clang's `-fpatchable-function-entry=5`, `-mnop-mcount`).
    case singleNop(byteCount: Int)
    /// A run of one-byte NOPs (gcc's `-fpatchable-function-entry=5`).
    case smallNops(count: Int)
    /// A run of NOPs of several sizes, at least one of them longer than a byte.
    case mixedNops(count: Int, byteCount: Int)
    /// `call __fentry__`, direct (5 bytes) or through the GOT (6 bytes), at the entry.
    case fentryCall(byteCount: Int)
    /// `prologue; call mcount`: the prologue slides down over the call, and the sled comes first. On 32-bit Arm
    /// the call is two instructions, `push {lr}; bl __gnu_mcount_nc`.
    case mcountCall(prologueByteCount: Int, callByteCount: Int)
    /// An XRay entry sled: a branch over NOPs; on x86-64 `jmp +9` over nine bytes of them.
    case xraySled

    /// A call that stands at the entry, and that arming does away with.
    var isHookAtEntry: Bool { if case .fentryCall = self { true } else { false } }
}

/// A place at a function's entry that can be patched.
///
/// Addresses are link-time virtual addresses of the module, in bytes.
public struct Site: Equatable, Sendable {
    public var isa: InstructionSet
    /// Where the sled's first byte goes.
    public var address: UInt64
    public var shape: SiteShape
    /// What stands in the whole rewritten window now, from `address` on.
    public var original: [UInt8]
    /// What follows the sled once armed, up to the window's end: the slid prologue, NOPs.
    public var tail: [UInt8]

    public init(
        isa: InstructionSet = .x86_64, address: UInt64, shape: SiteShape, original: [UInt8], tail: [UInt8]
    ) {
        self.isa = isa
        self.address = address
        self.shape = shape
        self.original = original
        self.tail = tail
    }

    /// Where a stub enters the function once the site is armed: past what only fills the window, which stands
    /// there in every form; a slid prologue has to be run, and is there only while the site is armed.
    public var bodyAddress: UInt64 {
        if case .mcountCall = shape { return address &+ UInt64(sledByteCount) }
        return address &+ UInt64(original.count)
    }

    public var sledByteCount: Int { isa.sledByteCount }

    /// Where a call of a tracer's hook stands behind a prologue, offsets; empty elsewhere.
    public var entryCall: Range<Int> {
        guard case .mcountCall(let prologueByteCount, let callByteCount) = shape else { return 0..<0 }
        return prologueByteCount..<prologueByteCount + callByteCount
    }
}

extension InstructionSet {
    /// The size of a sled, bytes.
    ///
    /// x86-64: `test eax, imm32` or `jmp rel32`. A64, A32: `NOP` or `B`. T32: `B.N` over the `B.W` behind it, or
    /// a `NOP` before that.
    public var sledByteCount: Int {
        switch self {
        case .x86_64: 5
        case .a64, .a32: 4
        case .t32: 6
        }
    }
}
