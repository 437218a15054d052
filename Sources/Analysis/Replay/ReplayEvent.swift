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
    }

    var kind: Kind
    var depth: UInt32
    var function: UInt32
    var nanos: UInt64
    /// When the call was entered; for `lost`, how many events.
    var value: UInt64
}

/// Collects events of one thread for `ReplayThread`.
struct ReplayCollector: CallVisitor {
    /// A list that visitors around this one can share.
    final class List {
        var events: [ReplayEvent] = []
    }

    let list: List

    func entered(_ function: UInt32, atNanos: UInt64, depth: Int) {
        add(.entered, function, atNanos, depth, 0)
    }

    func left(_ function: UInt32, enteredAtNanos: UInt64, atNanos: UInt64, depth: Int, how: CallEnd) {
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

    private func add(_ kind: ReplayEvent.Kind, _ function: UInt32, _ nanos: UInt64, _ depth: Int, _ value: UInt64) {
        list.events.append(
            ReplayEvent(
                kind: kind, depth: UInt32(truncatingIfNeeded: depth), function: function, nanos: nanos,
                value: value))
    }
}
