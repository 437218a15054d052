/// What a processor may do about code that is written while it runs: the part of a model that differs between
/// architectures. Each conforming type is a page with its sources.
///
/// A machine is asked for everything that *may* happen; what must not is `Explorer`'s business.
protocol MachineModel: Sendable {
    init(_ program: ModelProgram) throws(ModelError)

    /// Bytes of state that it keeps once, and for each thread.
    var byteCount: Int { get }
    var threadByteCount: Int { get }

    /// Whether the next operation of the patching side can be done now; barriers wait for stores.
    func isReady(_ operation: Int, in state: ModelState) -> Bool
    /// Does an operation's part that concerns memory.
    ///
    /// - Parameter isAlone: nobody else runs.
    func perform(_ operation: Int, isAlone: Bool, in state: inout ModelState)
    /// Stores that may become visible by themselves: by operation.
    func visibleNext(in state: ModelState) -> [Int]
    func makeVisible(_ operation: Int, in state: inout ModelState)

    /// A context synchronisation, an exception's entry and return, a serialising instruction.
    func synchronise(_ thread: ThreadLayout, in state: inout ModelState)
    /// The thread takes a branch.
    func branch(_ thread: ThreadLayout, in state: inout ModelState)
    /// Fetching runs ahead of executing: the front moves up to the present. False when it is there.
    func catchUp(_ thread: ThreadLayout, in state: inout ModelState) -> Bool
    /// What is kept for a thread that is outside of everything, as far as it can't matter any more.
    func leave(_ thread: ThreadLayout, in state: inout ModelState)

    /// Everything that a thread may fetch where it stands.
    mutating func fetch(at place: Int, _ thread: ThreadLayout, in state: ModelState, into fetches: inout [Fetch])

    /// The newest version of a cell that data accesses see.
    func newest(_ cell: Int, in state: ModelState) -> Int
}

/// One thing that a thread may fetch.
struct Fetch: Sendable {
    /// Index of the lawful instruction; nil for a violation.
    var instruction: Int?
    var state: ModelState
    var violation: Violation?
    /// Whether older content was fetched than stands there by now.
    var isStale = false
}

/// Why a scenario can't be explored.
public enum ModelError: Error, Equatable, Sendable, CustomStringConvertible {
    case tooLarge(String)
    /// The search was given up: states.
    case exhausted(Int)

    public var description: String {
        switch self {
        case .tooLarge(let what): "the scenario is too large for the checker: \(what)"
        case .exhausted(let count): "given up after \(count) states"
        }
    }
}
