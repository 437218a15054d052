import Reading

/// One thing that replay shows.
struct ReplayEvent {
    enum Kind: UInt8 {
        case entered
        case returned
        case unwound
        case openAtEnd
        case suspended
        case passed
        case lost
        case leftUnentered
        /// It was `unwound` before.
        case returnedAfterAll
        /// How a call ended that was `suspended` before.
        case suspendedReturned
        case suspendedUnwound
        case suspendedOpen
    }

    var kind: Kind
    var depth: UInt32
    var function: UInt32
    var nanos: UInt64
    /// When the call was entered; for `lost`, how many events.
    var value: UInt64
}

/// Collects events of one thread in its `ReplayQueue`.
struct ReplayCollector: CallVisitor {
    let queue: UnsafeMutablePointer<ReplayQueue>
    private var depth = 0

    init(_ queue: UnsafeMutablePointer<ReplayQueue>) { self.queue = queue }

    @inline(__always)
    mutating func entered(_ function: UInt32, atNanos: UInt64, depth: Int) {
        self.depth = depth &+ 1
        add(.entered, function, atNanos, depth, 0)
    }

    @inline(__always)
    mutating func left(_ function: UInt32, enteredAtNanos: UInt64, atNanos: UInt64, depth: Int, how: CallEnd) {
        self.depth = depth
        let kind: ReplayEvent.Kind =
            switch how {
            case .returned: .returned
            case .unwound: .unwound
            case .openAtEnd: .openAtEnd
            case .suspended: .suspended
            }
        add(kind, function, atNanos, depth, enteredAtNanos)
    }

    func passed(_ function: UInt32, atNanos: UInt64, depth: Int) { add(.passed, function, atNanos, depth, 0) }
    func lost(_ eventCount: UInt64, atNanos: UInt64) { add(.lost, 0, atNanos, 0, eventCount) }
    func returnedAfterAll(_ function: UInt32, atNanos: UInt64) {
        add(.returnedAfterAll, function, atNanos, depth, atNanos)
    }

    func leftUnentered(_ function: UInt32, atNanos: UInt64) { add(.leftUnentered, function, atNanos, depth, atNanos) }

    func leftSuspended(_ function: UInt32, enteredAtNanos: UInt64, atNanos: UInt64, how: CallEnd) {
        let kind: ReplayEvent.Kind =
            switch how {
            case .returned: .suspendedReturned
            case .unwound: .suspendedUnwound
            case .openAtEnd, .suspended: .suspendedOpen
            }
        add(kind, function, atNanos, depth, enteredAtNanos)
    }

    @inline(__always)
    private func add(_ kind: ReplayEvent.Kind, _ function: UInt32, _ nanos: UInt64, _ depth: Int, _ value: UInt64) {
        queue.pointee.append(
            ReplayEvent(
                kind: kind, depth: UInt32(truncatingIfNeeded: depth), function: function, nanos: nanos,
                value: value))
    }
}
