/// Something that an instruction does and that the model orders.
struct LitmusEvent: Sendable {
    enum Kind: Hashable, Sendable {
        case read
        case write
        /// The implicit read of an instruction.
        case fetch
        case barrier(LitmusInstruction.Scope, isSynchronisation: Bool)
        /// A context synchronisation event: ISB, an exception's entry or return.
        case synchronise
        /// DC CVAU.
        case clean
        /// IC IVAU; without a location it is about all of them.
        case invalidate
    }

    /// Which reads of the same thread something depends on: a bit an event, by its number in the thread.
    struct Dependencies: Equatable, Sendable {
        /// Through registers.
        var plain: UInt64 = 0
        /// Through the choice of a conditional select.
        var pick: UInt64 = 0

        static func | (a: Self, b: Self) -> Self { Self(plain: a.plain | b.plain, pick: a.pick | b.pick) }
        /// What was picked by something that depends on this.
        var picked: Self { Self(plain: 0, pick: plain | pick) }
    }

    var kind: Kind
    /// -1 for initial writes.
    var thread: Int
    /// Which instruction of the thread, in the order of execution.
    var instance: Int
    var location: LitmusLocation?
    var value = LitmusValue.zero
    var isAcquire = false
    var isAcquirePC = false
    var isRelease = false
    /// The read half of an atomic whose result is thrown away.
    var hasNoResult = false
    var isWide = true
    var address = Dependencies()
    /// What is written; of a read, what the thread itself wrote there last.
    var data = Dependencies()
    var control = Dependencies()
    /// Like control, of branches to an address in a register.
    var indirect = Dependencies()
    /// For the write half of an atomic: its read half, by number in the thread.
    var partner: Int?
    /// Its value is made from what the read half read.
    var isComputed = false
    /// The instruction.
    var text = ""

    /// The same, where a branch to a register counts as one that depends on it.
    var withIndirectControl: LitmusEvent {
        var copy = self
        copy.control = control | indirect
        return copy
    }

    var isExplicit: Bool { kind == .read || kind == .write }
    var isInitial: Bool { thread < 0 }
}

/// One way through a thread's code.
struct LitmusTrace: Sendable {
    var events: [LitmusEvent]
    var registers: [LitmusValue]
    /// Where undefined instructions were met.
    var faults: Set<LitmusLocation> = []
    /// Not followed to its end: a beginning only.
    var isCut = false
}
