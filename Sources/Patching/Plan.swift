/// One step of a plan: plain data that any executor runs.
public enum PlanStep: Equatable, Sendable {
    /// Store the low `width` bytes (1, 2, 4 or 8) of `value` at `address`, if those of `expected`
    /// stand there. Live plans store at naturally aligned addresses only: one store each.
    case store(address: UInt64, width: Int, value: UInt64, expected: UInt64)
    /// Make the text writable, or executable only again.
    case open
    case close
    /// Make the stores so far visible to instruction fetch. Nothing to do on x86-64.
    case maintainCaches
    /// Every core that runs a thread of the process serialises its instruction stream
    /// (membarrier's SYNC_CORE).
    case syncCores
    /// From here, and until the plan's end, a thread that hits one of the plan's breakpoints is
    /// sent on as its trap says.
    case catchBreakpoints
    /// Stop every thread of the process, and move those that stand inside one of the plan's
    /// windows. Fails, and nothing is stored, when one of them can't be moved.
    case park
    case resume
}

/// How a plan keeps other threads from harm.
public enum PatchProtocol: String, Equatable, Hashable, Sendable, CaseIterable {
    /// Nobody else can run: before `main`, or before `dlopen` returns.
    case exclusive
    /// What a thread may fetch changes by one naturally aligned store.
    case singleStore = "single store"
    /// A breakpoint stands in the way while the rest is rewritten.
    case breakpoint
    /// Every thread is stopped, and none of them stands inside.
    case stopped
}

/// Where a thread has to go on that stood, stopped, inside a window that is rewritten.
public struct Window: Equatable, Sendable {
    /// The bytes that change hands; a thread at the first one, or behind the last, is not inside.
    public var range: Range<UInt64>
    /// By offset from the start, less one: where the thread goes on; 0 where it can't be moved.
    public var moves: [UInt64]
    /// Where a thread goes on that stands at the first byte and has been through a stub already: its return address
    /// lies in one. Nil where it may go through the sled as others do.
    public var entered: UInt64?

    public init(range: Range<UInt64>, moves: [UInt64], entered: UInt64? = nil) {
        self.range = range
        self.moves = moves
        self.entered = entered
    }

    /// Where a thread that stands at `pc` goes on; nil when it can't be moved.
    public func target(of pc: UInt64) -> UInt64? {
        guard pc > range.lowerBound, pc < range.upperBound else { return pc }
        let move = moves[Int(pc - range.lowerBound) - 1]
        return move == 0 ? nil : move
    }
}

/// Where a thread that hits a breakpoint of the plan goes on.
public struct Trap: Equatable, Sendable {
    public var address: UInt64
    public var target: UInt64

    public init(address: UInt64, target: UInt64) {
        self.address = address
        self.target = target
    }
}

/// An ordered list of steps, and what executors have to know beside.
public struct Plan: Equatable, Sendable {
    public var steps: [PlanStep]
    public var patchProtocol: PatchProtocol
    public var siteCount: Int
    /// Sorted by address; for `park`.
    public var windows: [Window]
    /// Sorted by address; for `catchBreakpoints`.
    public var traps: [Trap]

    public init(
        steps: [PlanStep], patchProtocol: PatchProtocol, siteCount: Int = 0, windows: [Window] = [],
        traps: [Trap] = []
    ) {
        self.steps = steps
        self.patchProtocol = patchProtocol
        self.siteCount = siteCount
        self.windows = windows
        self.traps = traps
    }
}

extension Plan {
    /// The same plan, whose stores are made a second time when all cores have synchronised; others than single stores stay
    /// as they are.
    ///
    /// For emulators of whole machines. qemu puts a page under watch after it has translated the first code there, and does
    /// not notice a store that another processor makes between its reading and that (`tb_page_add`, version 10.0): the old
    /// code is run from then on. When all cores have synchronised no translation is under way, and the second store is
    /// noticed. A processor sees the same bytes stored again.
    public var storedTwice: Plan {
        guard patchProtocol == .singleStore, let end = steps.lastIndex(of: .close) else { return self }
        var again: [PlanStep] = [.syncCores]
        for case .store(let address, let width, let value, _) in steps {
            again.append(.store(address: address, width: width, value: value, expected: value))
        }
        var plan = self
        plan.steps.insert(contentsOf: again + [.maintainCaches, .syncCores], at: end)
        return plan
    }
}
