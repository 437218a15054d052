/// An instruction of AArch64, as far as litmus tests use them.
struct LitmusInstruction: Hashable, Sendable {
    /// A general register: 0 to 30, or the zero register.
    enum Register: Hashable, Sendable {
        case general(Int)
        case zero
    }

    enum Operand: Hashable, Sendable {
        case register(Register)
        case immediate(Int64)
        /// `W1, SXTW #2`: 32 bits made 64, then shifted; `X1, LSL #2`: shifted only.
        case extended(Register, Extension, shift: Int64)

        enum Extension: Hashable, Sendable { case none, signed, unsigned }
    }

    /// Where an access is, from its base register.
    struct Offset: Hashable, Sendable {
        var operand = Operand.immediate(0)
        var index = Index.none

        /// When the base register becomes the sum: never, before the access, after it.
        enum Index: Hashable, Sendable { case none, before, after }
    }

    enum Condition: String, Hashable, Sendable, CaseIterable {
        case eq, ne, ge, lt, gt, le, hs, lo, hi, ls, mi, pl
        // Always.
        case al
    }

    enum Arithmetic: Hashable, Sendable { case add, subtract, exclusiveOr, and, or, clear, shiftLeft, shiftRight }

    /// Which accesses a barrier orders.
    enum Scope: Hashable, Sendable { case full, load, store }

    enum Acquire: Hashable, Sendable { case none, acquire, acquirePC }

    /// How an atomic changes what stands in memory.
    enum Update: Hashable, Sendable { case add, clear, set, exclusiveOr, swap, compare }

    enum Action: Hashable, Sendable {
        case nop
        /// UDF, with its number, which is its encoding.
        case undefined(Int64)
        case move(Register, Operand, isNegated: Bool)
        /// MOVK: 16 bits of a register are replaced.
        case moveKeeping(Register, Int64, shift: Int64)
        case arithmetic(Arithmetic, Register, Register, Operand, setsFlags: Bool)
        case select(Register, Register, Register, Condition, increments: Bool)
        case load(Register, base: Register, offset: Offset, Acquire, exclusive: Bool)
        case store(Register, base: Register, offset: Offset, release: Bool, status: Register?)
        case atomic(Update, source: Register, result: Register, base: Register, acquire: Bool, release: Bool)
        case address(Register, label: String)
        case branch(label: String)
        case branchLink(label: String)
        case branchConditional(Condition, label: String)
        case compareBranch(Register, isZero: Bool, label: String)
        case testBranch(Register, bit: Int64, isZero: Bool, label: String)
        case branchRegister(Register, links: Bool)
        case barrier(Scope, isSynchronisation: Bool)
        case contextSynchronisation
        case cleanData(Register)
        case invalidateInstructions(Register)
        /// IC IALLU and IC IALLUIS.
        case invalidateAllInstructions
        case writeLink(Register)
        case exceptionReturn
    }

    var action: Action
    /// Whether it accesses 64 bits.
    var isWide = true
    var text: String

    static func == (a: Self, b: Self) -> Bool { a.action == b.action && a.isWide == b.isWide }
    func hash(into hasher: inout Hasher) { hasher.combine(action) }

    /// Whether an instruction that is not equal to it has another encoding for sure.
    var isEncodedOnce: Bool {
        switch action {
        case .nop, .contextSynchronisation, .barrier, .branchRegister, .exceptionReturn, .undefined: true
        default: target?.hasPrefix(".") ?? false
        }
    }

    /// Whether it may replace another one, and be replaced, while other threads execute it.
    ///
    /// Source: Arm ARM B2.2.5, as far as litmus tests have them: B, B.cond, BL, CBZ, CBNZ, ISB, NOP, TBZ, TBNZ.
    var isReplaceable: Bool {
        switch action {
        case .nop, .contextSynchronisation, .branch, .branchLink, .branchConditional, .compareBranch, .testBranch: true
        default: false
        }
    }

    /// The label, or the distance, that it names.
    var target: String? {
        switch action {
        case .address(_, let label), .branch(let label), .branchLink(let label), .branchConditional(_, let label),
            .compareBranch(_, _, let label), .testBranch(_, _, _, let label):
            label
        default: nil
        }
    }

    /// The same, with its target so many instructions further.
    func relative(by distance: Int) -> LitmusInstruction {
        var copy = self
        let label = ".\(distance < 0 ? "-" : "+")\(4 * distance.magnitude)"
        switch action {
        case .address(let register, _): copy.action = .address(register, label: label)
        case .branch: copy.action = .branch(label: label)
        case .branchLink: copy.action = .branchLink(label: label)
        case .branchConditional(let condition, _): copy.action = .branchConditional(condition, label: label)
        case .compareBranch(let register, let isZero, _):
            copy.action = .compareBranch(register, isZero: isZero, label: label)
        case .testBranch(let register, let bit, let isZero, _):
            copy.action = .testBranch(register, bit: bit, isZero: isZero, label: label)
        default: break
        }
        return copy
    }
}

extension LitmusInstruction.Condition {
    var opposite: LitmusInstruction.Condition? {
        switch self {
        case .eq: .ne
        case .ne: .eq
        case .ge: .lt
        case .lt: .ge
        case .gt: .le
        case .le: .gt
        case .hs: .lo
        case .lo: .hs
        case .hi: .ls
        case .ls: .hi
        case .mi: .pl
        case .pl: .mi
        case .al: nil
        }
    }
}
