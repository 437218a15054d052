import Reading

/// Passes on calls that took at least a duration.
///
/// A call is held back until it has lasted long enough or has ended; calls around it last longer,
/// so what is held back is never more than the stack of open calls.
struct ThresholdVisitor<Inner: CallVisitor>: CallVisitor {
    private struct Held { var function: UInt32, nanos: UInt64, depth: Int }

    var inner: Inner
    private let minimumNanos: UInt64
    private var held: [Held] = []
    /// The first of `held` that was not passed on yet.
    private var first = 0
    private var suspensions = PassedOnCalls()
    private var unwoundCalls = PassedOnCalls()

    init(minimumNanos: UInt64, _ inner: Inner) {
        self.inner = inner
        self.minimumNanos = minimumNanos
    }

    mutating func entered(_ function: UInt32, atNanos: UInt64, depth: Int) {
        release(at: atNanos)
        held.append(Held(function: function, nanos: atNanos, depth: depth))
    }

    mutating func left(_ function: UInt32, enteredAtNanos: UInt64, atNanos: UInt64, depth: Int, how: CallEnd) {
        release(at: atNanos)
        let wasReleased = first == held.count
        if !held.isEmpty { held.removeLast() }
        first = min(first, held.count)
        if wasReleased {
            inner.left(function, enteredAtNanos: enteredAtNanos, atNanos: atNanos, depth: depth, how: how)
            if how == .suspended { suspensions.add(function, enteredAtNanos: enteredAtNanos) }
            if how == .unwound { unwoundCalls.add(function) }
        }
    }

    mutating func passed(_ function: UInt32, atNanos: UInt64, depth: Int) {
        release(at: atNanos)
        if minimumNanos == 0 { inner.passed(function, atNanos: atNanos, depth: depth) }
    }

    mutating func leftSuspended(_ function: UInt32, enteredAtNanos: UInt64, atNanos: UInt64, how: CallEnd) {
        release(at: atNanos)
        guard suspensions.take(function, enteredAtNanos: enteredAtNanos) else { return }
        inner.leftSuspended(function, enteredAtNanos: enteredAtNanos, atNanos: atNanos, how: how)
    }

    mutating func returnedAfterAll(_ function: UInt32, atNanos: UInt64) {
        release(at: atNanos)
        if unwoundCalls.take(function) { inner.returnedAfterAll(function, atNanos: atNanos) }
    }

    /// How long such a call took is not known.
    mutating func leftUnentered(_ function: UInt32, atNanos: UInt64) {
        release(at: atNanos)
        if minimumNanos == 0 { inner.leftUnentered(function, atNanos: atNanos) }
    }

    mutating func lost(_ eventCount: UInt64, atNanos: UInt64) {
        release(at: atNanos)
        inner.lost(eventCount, atNanos: atNanos)
    }

    private mutating func release(at nanos: UInt64) {
        while first < held.count, nanos &- held[first].nanos >= minimumNanos {
            inner.entered(held[first].function, atNanos: held[first].nanos, depth: held[first].depth)
            first += 1
        }
    }
}
