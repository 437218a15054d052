/// One step from a state to the next, as the explorer records it.
struct Move: Equatable, Sendable {
    enum Kind: UInt8, Equatable, Sendable {
        /// The patching side does operation `subject`.
        case patch
        /// A store of operation `subject` becomes visible to the others.
        case appear
        /// A thread comes to site `subject`.
        case enter
        /// A thread executes instruction `subject`.
        case execute
        /// An instruction whose condition fails: `subject`.
        case skip
        /// A thread's trap handler looks, and sends it to place `subject`.
        case handle
        /// A thread's fetching catches up with memory.
        case catchUp
    }

    var kind: Kind
    var thread = 0
    var subject = 0
    /// What was executed is not what stands there any more.
    var isStale = false
}

/// All that can happen next, or the violation that comes first.
struct Successors {
    var moves: [Move] = []
    var states: [ModelState] = []
    var failure: (move: Move, violation: Violation)?

    mutating func clear() {
        moves.removeAll(keepingCapacity: true)
        states.removeAll(keepingCapacity: true)
        failure = nil
    }

    mutating func add(_ move: Move, _ state: ModelState) {
        moves.append(move)
        states.append(state)
    }

    mutating func fail(_ move: Move, _ violation: Violation) {
        if failure == nil { failure = (move, violation) }
    }
}
