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
    }

    enum Condition: String, Hashable, Sendable, CaseIterable {
        case eq, ne, ge, lt, gt, le, hs, lo, hi, ls
        // Always.
        case al
    }

    enum Arithmetic: Hashable, Sendable { case add, subtract, exclusiveOr, and, or }

    /// Which accesses a barrier orders.
    enum Scope: Hashable, Sendable { case full, load, store }

    enum Acquire: Hashable, Sendable { case none, acquire, acquirePC }

    /// How an atomic changes what stands in memory.
    enum Update: Hashable, Sendable { case add, clear, set, exclusiveOr, swap, compare }

    enum Action: Hashable, Sendable {
        case nop
        /// Undefined: whatever is none of the others.
        case undefined
        case move(Register, Operand)
        case arithmetic(Arithmetic, Register, Register, Operand, setsFlags: Bool)
        case select(Register, Register, Register, Condition, increments: Bool)
        case load(Register, base: Register, offset: Operand, Acquire, exclusive: Bool)
        case store(Register, base: Register, offset: Operand, release: Bool, status: Register?)
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
}
