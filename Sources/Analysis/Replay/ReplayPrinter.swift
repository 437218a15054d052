import Reading

/// The lines of replay, in the layout that users of ftrace and uftrace know.
///
/// Unsafe: every line asks for the room that it can take at most before it stores anything.
struct ReplayPrinter: ~Copyable {
    /// Deeper than this no screen shows, and a line would be megabytes long.
    private static let maximumIndentation: UInt32 = 512
    /// Duration, prefix and the longest text around a name.
    private static let textByteCount = 160

    private var output: TextBuffer
    private let isFlat: Bool
    private let startNanos: UInt64
    private var names: NameBytes
    private let tables = LineTables()

    init(_ trace: Trace, _ output: consuming TextBuffer, startNanos: UInt64, isFlat: Bool) {
        self.output = output
        self.startNanos = startNanos
        self.isFlat = isFlat
        names = NameBytes(trace)
    }

    var isOpen: Bool { output.isOpen }

    mutating func flush() { output.flush() }

    mutating func header() {
        output.add(isFlat ? "#     TIME          TID     EVENT" : "# DURATION     TID     FUNCTION")
        output.endLine()
    }

    /// Shows the queue's events up to a moment. The last stays when what follows it is not known yet.
    mutating func show(_ queue: inout ReplayQueue, until limit: UInt64) {
        let end = queue.hasEnded ? queue.count : queue.count &- 1
        let events = queue.events
        var next = queue.next
        while next < end && events[next].nanos <= limit && output.isOpen {
            if isFlat {
                flat(events[next], queue)
            } else if events[next].kind == .entered {
                if next &+ 1 < queue.count && isLeaf(events[next], events[next &+ 1]) {
                    next &+= 1
                    leaf(events[next], queue)
                } else {
                    opening(events[next], queue)
                }
            } else {
                other(events[next], queue)
            }
            next &+= 1
        }
        queue.next = next
    }

    /// True when the call makes no (shown) call.
    @inline(__always)
    private func isLeaf(_ entry: ReplayEvent, _ next: ReplayEvent) -> Bool {
        (next.kind == .returned || next.kind == .unwound) && next.depth == entry.depth
    }

    @inline(__always)
    private mutating func leaf(_ event: ReplayEvent, _ queue: ReplayQueue) {
        line(event, queue, hasDuration: true, "", event.kind == .unwound ? "(); /* unwound */\n" : "();\n")
    }

    @inline(__always)
    private mutating func opening(_ event: ReplayEvent, _ queue: ReplayQueue) {
        line(event, queue, hasDuration: false, "", "() {\n")
    }

    @inline(__always)
    private mutating func other(_ event: ReplayEvent, _ queue: ReplayQueue) {
        if event.kind == .returned { return line(event, queue, hasDuration: true, "} /* ", " */\n") }
        rare(event, queue)
    }

    @inline(never)
    private mutating func rare(_ event: ReplayEvent, _ queue: ReplayQueue) {
        switch event.kind {
        case .entered, .returned: break
        case .unwound: line(event, queue, hasDuration: true, "} /* ", ", unwound */\n")
        case .openAtEnd: line(event, queue, hasDuration: true, "} /* ", ", open at the end */\n")
        case .suspended: line(event, queue, hasDuration: true, "} /* ", ", goes on on another stack */\n")
        case .suspendedReturned: line(event, queue, hasDuration: true, "/* ", " returned on another stack */\n")
        case .suspendedUnwound: line(event, queue, hasDuration: true, "/* ", " unwound on another stack */\n")
        case .suspendedOpen: line(event, queue, hasDuration: true, "/* ", " open on another stack at the end */\n")
        case .passed: line(event, queue, hasDuration: false, "", "(); /* entry only */\n")
        case .leftUnentered: line(event, queue, hasDuration: false, "/* ", " returned, its entry is not recorded */\n")
        case .returnedAfterAll:
            line(event, queue, hasDuration: false, "/* ", " returned after all, on another stack */\n")
        case .lost:
            output.add(spaces: 11)
            prefix(queue)
            lost(event)
            output.endLine()
        }
    }

    /// Duration, thread, indentation, and the name between two texts.
    @inline(__always)
    private mutating func line(
        _ event: ReplayEvent, _ queue: ReplayQueue, hasDuration: Bool, _ before: StaticString, _ after: StaticString
    ) {
        let name = names.name(event.function)
        let indentation = Int(2 &* min(event.depth, ReplayPrinter.maximumIndentation))
        let byteCount = ReplayPrinter.textByteCount &+ indentation &+ name.byteCount
        var place = output.line(upTo: byteCount)
        if hasDuration {
            if let end = tables.store(durationNanos: event.nanos &- event.value, at: place) {
                place = end
            } else {
                output.add(durationNanos: event.nanos &- event.value)
                place = output.line(upTo: byteCount)
            }
        } else {
            place = LineTables.store(spaces: 11, at: place)
        }
        UnsafeMutableRawPointer(place).storeBytes(of: queue.prefix, as: SIMD16<UInt8>.self)
        place = LineTables.store(spaces: indentation, at: place + queue.prefixByteCount)
        place = LineTables.store(before, at: place)
        place = LineTables.store(name, at: place)
        place = LineTables.store(after, at: place)
        output.endLine(at: place)
    }

    private mutating func prefix(_ queue: ReplayQueue) {
        for place in 0..<queue.prefixByteCount { output.add(queue.prefix[place]) }
    }

    private mutating func lost(_ event: ReplayEvent) {
        output.add("/* ")
        if event.value > 0 {
            output.add(event.value)
            output.add(" ")
        }
        output.add("events lost */")
    }

    private mutating func flat(_ event: ReplayEvent, _ queue: ReplayQueue) {
        let time = event.nanos &- min(event.nanos, startNanos)
        output.add(time / 1_000_000_000, width: 7)
        output.add(UInt8(ascii: "."))
        output.add(time % 1_000_000_000, digits: 9)
        prefix(queue)
        if event.kind == .lost {
            lost(event)
            return output.endLine()
        }
        output.add(ReplayPrinter.word(event.kind))
        let name = names.name(event.function)
        var place = output.line(upTo: name.byteCount &+ 1)
        place = LineTables.store(name, at: place)
        place.pointee = UInt8(ascii: "\n")
        output.endLine(at: place + 1)
    }

    private static func word(_ kind: ReplayEvent.Kind) -> StaticString {
        switch kind {
        case .entered: "entry   "
        case .returned, .suspendedReturned, .leftUnentered, .returnedAfterAll: "exit    "
        case .unwound, .suspendedUnwound: "unwound "
        case .openAtEnd, .suspendedOpen: "open    "
        case .suspended: "leaves  "
        case .passed: "passed  "
        case .lost: "lost    "
        }
    }
}
