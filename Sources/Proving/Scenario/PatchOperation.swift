/// What the patching side does next, one indivisible thing at a time: plans and releases, flattened.
enum PatchOperation: Equatable, Sendable {
    /// A plan begins: its traps are published, and its sites may be in either form from here on.
    case begin(plan: Int)
    case end(plan: Int)
    case open
    case close
    /// A trap handler is in place.
    case catchBreakpoints
    /// One store that others see as a whole: the cells it changes.
    case store([Int])
    /// The first half of a cache maintenance: what was written so far reaches the point of unification.
    case clean
    /// The second half: instruction caches forget what is older.
    case invalidate
    case syncCores
    case park
    case resume
    /// Stubs are given back; nobody may be in `ranges`, nor return there, when it is done.
    case release(ranges: [Range<UInt64>], looks: Bool, cells: [Int])
}

/// An operation with its place in the actions, for explanations.
struct PlacedOperation: Equatable, Sendable {
    var operation: PatchOperation
    /// Index of the action, and of the step in its plan.
    var action: Int
    var step: Int?
}
