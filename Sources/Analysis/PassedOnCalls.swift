/// Suspended or unwound calls that a visitor passed on: what becomes of them later is to be passed
/// on too, what becomes of others is not.
struct PassedOnCalls {
    private struct Call: Hashable { var function: UInt32, enteredAtNanos: UInt64 }

    /// Calls that began at the same moment are as good as each other.
    private var counts: [Call: Int] = [:]

    mutating func add(_ function: UInt32, enteredAtNanos: UInt64 = 0) {
        counts[Call(function: function, enteredAtNanos: enteredAtNanos), default: 0] += 1
    }

    /// True, once, for each call that was added.
    mutating func take(_ function: UInt32, enteredAtNanos: UInt64 = 0) -> Bool {
        let call = Call(function: function, enteredAtNanos: enteredAtNanos)
        guard let count = counts[call] else { return false }
        counts[call] = count > 1 ? count - 1 : nil
        return true
    }
}
