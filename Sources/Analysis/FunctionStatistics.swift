/// What happened to one function: counts, and times in nanoseconds.
///
/// Calls that were unwound, and calls still open at the end, count with the time they had.
public struct FunctionStatistics: Sendable, Equatable {
    public var entries: UInt64 = 0
    public var exits: UInt64 = 0
    public var unwound: UInt64 = 0
    public var open: UInt64 = 0
    /// Calls whose end is not traced; not among the entries.
    public var entriesOnly: UInt64 = 0
    /// Ends without an entry; not among the exits.
    public var exitsWithoutEntry: UInt64 = 0
    /// Recursion counted once.
    public var totalNanos: UInt64 = 0
    /// Without the calls it made.
    public var selfNanos: UInt64 = 0
    /// Of all its calls, recursive ones too.
    public var sumNanos: UInt64 = 0
    public var minNanos: UInt64 = .max
    public var maxNanos: UInt64 = 0

    public init() {}

    public var calls: UInt64 { entries &+ entriesOnly }

    public mutating func add(_ other: FunctionStatistics) {
        entries &+= other.entries
        exits &+= other.exits
        unwound &+= other.unwound
        open &+= other.open
        entriesOnly &+= other.entriesOnly
        exitsWithoutEntry &+= other.exitsWithoutEntry
        totalNanos &+= other.totalNanos
        selfNanos &+= other.selfNanos
        sumNanos &+= other.sumNanos
        minNanos = min(minNanos, other.minNanos)
        maxNanos = max(maxNanos, other.maxNanos)
    }
}
