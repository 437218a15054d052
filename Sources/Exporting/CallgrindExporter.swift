import Reading

/// Writes a callgrind profile: per function its own nanoseconds, and per callee the calls and
/// the nanoseconds inside.
///
/// Of a function that calls itself, calls are counted and their time is part of the outermost
/// call's, as in `nopal report`. Where functions call each other in a circle, the format cannot
/// say both what each call took and what each function took; KCachegrind finds such circles.
/// There are no source files: `fl` is `???`. The sum of all own costs is `totals`.
/// Source: Valgrind's manual, "Callgrind Format Specification".
struct CallgrindExporter: Exporter {
    private struct Frame {
        var function: UInt32
        var edge: Int32
        var childNanos: UInt64 = 0
    }

    private struct Cost {
        var selfNanos: UInt64 = 0
        var outgoing: [Int32] = []
    }

    private let trace: Trace
    private let output: OutputBuffer
    private var edges = CallEdges()
    private var selfNanos = FunctionTable<UInt64>()
    private var stack: [Frame] = []
    private var lostCount: UInt64 = 0
    private var totalNanos: UInt64 = 0

    init(trace: Trace, output: OutputBuffer) {
        self.trace = trace
        self.output = output
    }

    mutating func began(_ thread: TraceThread) { stack = [] }

    mutating func ended(_ thread: TraceThread) {}

    mutating func entered(_ function: UInt32, atNanos: UInt64, depth: Int) {
        let edge = edges.place(caller: stack.last?.function ?? CallEdges.nobody, callee: function)
        edges.opened(edge)
        stack.append(Frame(function: function, edge: edge))
    }

    mutating func left(
        _ function: UInt32, enteredAtNanos: UInt64, atNanos: UInt64, depth: Int, how: CallEnd
    ) {
        guard let frame = stack.popLast() else { return }
        let nanos = atNanos > enteredAtNanos ? atNanos - enteredAtNanos : 0
        let ownNanos = nanos > frame.childNanos ? nanos - frame.childNanos : 0
        edges.closed(frame.edge, nanos: nanos)
        selfNanos.set((selfNanos[frame.function] ?? 0) &+ ownNanos, of: frame.function)
        totalNanos &+= ownNanos
        if !stack.isEmpty { stack[stack.count - 1].childNanos &+= nanos }
    }

    mutating func passed(_ function: UInt32, atNanos: UInt64, depth: Int) {
        edges.passed(edges.place(caller: stack.last?.function ?? CallEdges.nobody, callee: function))
    }

    mutating func lost(_ eventCount: UInt64, atNanos: UInt64) { lostCount &+= eventCount }

    mutating func finish() {
        var costs: [UInt32: Cost] = [:]
        for (place, edge) in edges.edges.enumerated() {
            costs[edge.callee, default: Cost()].selfNanos = selfNanos[edge.callee] ?? 0
            if edge.caller != CallEdges.nobody {
                costs[edge.caller, default: Cost()].outgoing.append(Int32(truncatingIfNeeded: place))
            }
        }
        putHeader()
        var names = CallgrindNames(trace: trace)
        for function in costs.keys.sorted() {
            if let cost = costs[function] { putFunction(function, cost, &names) }
        }
        output.put("\ntotals: ")
        output.putDecimal(totalNanos)
        output.put(UInt8(ascii: "\n"))
    }

    private func putHeader() {
        output.put("# callgrind format\nversion: 1\ncreator: nopal\n")
        if let session = trace.session {
            output.put("cmd: ")
            output.put(CallgrindNames.cleaned(session.commandLine.joined(separator: " ")))
            output.put(UInt8(ascii: "\n"))
        }
        if lostCount > 0 {
            output.put("desc: Trace: \(lostCount) events were lost; costs are too low\n")
        }
        output.put("positions: line\nevents: ns\nsummary: ")
        output.putDecimal(totalNanos)
        output.put(UInt8(ascii: "\n"))
    }

    private func putFunction(_ function: UInt32, _ cost: Cost, _ names: inout CallgrindNames) {
        output.put("\nob=")
        output.put(names.object(of: function))
        output.put("\nfl=(1)")
        output.put(names.isFirstFile() ? " ???" : "")
        output.put("\nfn=")
        output.put(names.function(function))
        output.put("\n0 ")
        output.putDecimal(cost.selfNanos)
        output.put(UInt8(ascii: "\n"))
        for place in cost.outgoing { putCall(edges.edges[Int(place)], &names) }
    }

    private func putCall(_ edge: CallEdges.Edge, _ names: inout CallgrindNames) {
        output.put("cob=")
        output.put(names.object(of: edge.callee))
        output.put("\ncfi=(1)\ncfn=")
        output.put(names.function(edge.callee))
        output.put("\ncalls=")
        output.putDecimal(edge.callCount)
        output.put(" 0\n0 ")
        output.putDecimal(edge.totalNanos)
        output.put(UInt8(ascii: "\n"))
    }
}
