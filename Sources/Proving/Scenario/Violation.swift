/// What went wrong, in one of the ways that the checker looks for.
public struct Violation: Equatable, Sendable {
    public enum Kind: String, Equatable, Hashable, Sendable, CaseIterable {
        // A thread executes what nobody wrote as an instruction.
        case torn = "half old, half new"
        case resumedInside = "resumes inside a rewritten instruction"
        case exposed = "exposed before it was there"
        case unpredictable = "architecturally unpredictable"
        case freedStub = "a freed stub"
        // It executes what it may, with a result that it may not have.
        case wrongEffect = "neither old nor new"
        case stale = "old after the plan's end"
        case uncaught = "a breakpoint that nobody catches"
        case dataNotSeen = "data not seen"
        case order = "seen in another order"
        // The plan itself.
        case notOpen = "a store to text that is not writable"
        case leftOpen = "text left writable"
        case leftParked = "threads left parked"
        case notExpected = "other bytes than expected"
        case notReached = "does not lead to the new form"
        case notRestored = "does not lead back"
    }

    public var kind: Kind
    /// One sentence: where, and what.
    public var detail: String
    /// What the thread executes in that moment, where it is no lawful instruction; what was fetched before it was
    /// replaced stands in brackets.
    public var executed: String?

    public init(_ kind: Kind, _ detail: String, executed: String? = nil) {
        self.kind = kind
        self.detail = detail
        self.executed = executed
    }
}
