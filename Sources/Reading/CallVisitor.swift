/// How a call came to its end.
public enum CallEnd: Sendable {
    case returned
    /// An exception, `longjmp`, or the end of its thread.
    case unwound
    /// A call below it ended first, so it goes on on another stack (a fiber). It is not shown as
    /// open any more; how it ends is told by `leftSuspended`.
    case suspended
    /// Still running when the thread's last event was recorded.
    case openAtEnd
}

/// What `Trace.walk` tells about one thread, in time order.
///
/// Times are CLOCK_MONOTONIC nanoseconds and never go back. Depth 0 is the outermost call.
public protocol CallVisitor {
    mutating func entered(_ function: UInt32, atNanos: UInt64, depth: Int)
    mutating func left(_ function: UInt32, enteredAtNanos: UInt64, atNanos: UInt64, depth: Int, how: CallEnd)
    /// A call whose end is not traced.
    mutating func passed(_ function: UInt32, atNanos: UInt64, depth: Int)
    /// Events are missing here. Zero: some are, and only the ledger's total tells how many.
    mutating func lost(_ eventCount: UInt64, atNanos: UInt64)
    /// A call that was reported as `suspended` has ended; `how` is never that again.
    mutating func leftSuspended(_ function: UInt32, enteredAtNanos: UInt64, atNanos: UInt64, how: CallEnd)
    /// A call that was reported as `unwound` has returned after all: the agent had taken it for
    /// dead, because a fiber's stack lay inside its thread's own.
    mutating func returnedAfterAll(_ function: UInt32, atNanos: UInt64)
    /// A call ended whose entry is not in the trace (lost, or made before the recording or a fork).
    mutating func leftUnentered(_ function: UInt32, atNanos: UInt64)
}

extension CallVisitor {
    public mutating func returnedAfterAll(_ function: UInt32, atNanos: UInt64) {}
    public mutating func leftSuspended(_ function: UInt32, enteredAtNanos: UInt64, atNanos: UInt64, how: CallEnd) {}
    public mutating func leftUnentered(_ function: UInt32, atNanos: UInt64) {}
}
