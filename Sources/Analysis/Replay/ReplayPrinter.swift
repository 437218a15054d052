import Reading

/// The lines of replay, in the layout that users of ftrace and uftrace know.
struct ReplayPrinter {
    var output: TextBuffer
    let isFlat: Bool
    private let trace: Trace
    private let startNanos: UInt64
    private var names: [UInt32: [UInt8]] = [:]
    private var lastName: (function: UInt32, name: [UInt8]) = (.max, [])

    init(_ trace: Trace, _ output: TextBuffer, startNanos: UInt64, isFlat: Bool) {
        self.trace = trace
        self.output = output
        self.startNanos = startNanos
        self.isFlat = isFlat
    }

    mutating func header() {
        output.add(isFlat ? "#     TIME          TID     EVENT" : "# DURATION     TID     FUNCTION")
        output.endLine()
    }

    mutating func leaf(_ event: ReplayEvent, _ thread: TraceThread) {
        output.add(durationNanos: event.nanos &- event.value)
        begin(thread, depth: event.depth)
        output.add(name(event.function))
        output.add(event.kind == .unwound ? "(); /* unwound */" : "();")
        output.endLine()
    }

    mutating func event(_ event: ReplayEvent, _ thread: TraceThread) {
        if isFlat { return flat(event, thread) }
        switch event.kind {
        case .entered:
            output.add(spaces: 11)
            begin(thread, depth: event.depth)
            output.add(name(event.function))
            output.add("() {")
        case .passed:
            output.add(spaces: 11)
            begin(thread, depth: event.depth)
            output.add(name(event.function))
            output.add("(); /* entry only */")
        case .lost:
            output.add(spaces: 11)
            begin(thread, depth: 0)
            lost(event)
        case .returned, .unwound, .openAtEnd, .suspended, .leftUnentered: closing(event, thread)
        }
        output.endLine()
    }

    private mutating func closing(_ event: ReplayEvent, _ thread: TraceThread) {
        output.add(durationNanos: event.nanos &- event.value)
        begin(thread, depth: event.depth)
        output.add("} /* ")
        output.add(name(event.function))
        switch event.kind {
        case .unwound: output.add(", unwound */")
        case .openAtEnd: output.add(", open at the end */")
        case .suspended: output.add(", goes on on another stack */")
        default: output.add(" */")
        }
    }

    private mutating func lost(_ event: ReplayEvent) {
        output.add("/* ")
        if event.value > 0 {
            output.add(event.value)
            output.add(" ")
        }
        output.add("events lost */")
    }

    private mutating func begin(_ thread: TraceThread, depth: UInt32) {
        output.add(" [")
        output.add(UInt64(thread.thread), width: 6)
        output.add("] | ")
        // Deeper than this no screen shows, and a line would be megabytes long.
        output.add(spaces: 2 &* Int(min(depth, 512)))
    }

    private mutating func flat(_ event: ReplayEvent, _ thread: TraceThread) {
        let time = event.nanos &- min(event.nanos, startNanos)
        output.add(time / 1_000_000_000, width: 7)
        output.add(UInt8(ascii: "."))
        output.add(time % 1_000_000_000, digits: 9)
        output.add(" [")
        output.add(UInt64(thread.thread), width: 6)
        output.add("] | ")
        switch event.kind {
        case .entered: output.add("entry   ")
        case .returned: output.add("exit    ")
        case .unwound: output.add("unwound ")
        case .openAtEnd: output.add("open    ")
        case .suspended: output.add("leaves  ")
        case .passed: output.add("passed  ")
        case .lost: lost(event)
        case .leftUnentered: output.add("exit    ")
        }
        if event.kind != .lost { output.add(name(event.function)) }
        output.endLine()
    }

    private mutating func name(_ function: UInt32) -> [UInt8] {
        if lastName.function == function { return lastName.name }
        if let name = names[function] {
            lastName = (function, name)
            return name
        }
        let name = Array(trace.function(function).baseName.utf8)
        names[function] = name
        return name
    }
}
