/// One step of a plan: plain data that any executor runs.
public enum PlanStep: Equatable, Sendable {
    /// Store the low `width` bytes of `value` at `address`, if those of `expected` stand there.
    case store(address: UInt64, width: Int, value: UInt64, expected: UInt64)
    /// Make the text writable, or executable again. Exclusive plans only: nobody may run it.
    case open
    case close
}

/// How a plan keeps other threads from harm.
public enum PatchProtocol: String, Equatable, Sendable {
    /// Nobody else can run: before `main`, or before `dlopen` returns.
    case exclusive
}

/// An ordered list of steps.
public struct Plan: Equatable, Sendable {
    public var steps: [PlanStep]
    public var patchProtocol: PatchProtocol

    public init(steps: [PlanStep], patchProtocol: PatchProtocol) {
        self.steps = steps
        self.patchProtocol = patchProtocol
    }
}
