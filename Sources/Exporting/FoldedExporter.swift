import Reading

/// Writes folded stacks: `thread;main;parse 1234`, one line a distinct stack.
///
/// The number is the nanoseconds spent in the last function itself, or the calls to it. Threads
/// of one name are one stack root, as in perf's folding; with several processes, the process
/// stands before the thread. Lines are sorted as the calls were first seen. A stack deeper than
/// `StackTree.depthLimit` ends in `[deeper]`.
/// Source: flamegraph.pl of Brendan Gregg's FlameGraph.
struct FoldedExporter: Exporter {
    private struct Frame {
        var node: Int32
        var childNanos: UInt64 = 0
    }

    private let trace: Trace
    private let output: OutputBuffer
    var weight = FoldedWeight.time
    private var tree = StackTree()
    /// The texts of roots; a root's name is its place here.
    private var rootNames: [String] = []
    private var rootPlaces: [String: UInt32] = [:]
    private let processNames: [UInt32: String]
    private var stack: [Frame] = []

    init(trace: Trace, output: OutputBuffer) {
        self.trace = trace
        self.output = output
        let processes = ExportedProcess.all(in: trace)
        let isAlone = processes.count < 2
        processNames =
            isAlone
            ? [:]
            : Dictionary(
                uniqueKeysWithValues: processes.map { ($0.process, $0.name) })
    }

    mutating func began(_ thread: TraceThread) {
        var name = Self.cleaned(thread.shownName(in: trace))
        if let process = processNames[thread.process] { name = Self.cleaned(process) + ";" + name }
        let place = rootPlaces[name] ?? UInt32(truncatingIfNeeded: rootNames.count)
        if rootPlaces.updateValue(place, forKey: name) == nil { rootNames.append(name) }
        stack = [Frame(node: tree.root(place))]
    }

    mutating func ended(_ thread: TraceThread) { stack = [] }

    mutating func entered(_ function: UInt32, atNanos: UInt64, depth: Int) {
        let node = tree.child(function, of: stack[stack.count - 1].node)
        tree.addCall(node)
        stack.append(Frame(node: node))
    }

    mutating func left(
        _ function: UInt32, enteredAtNanos: UInt64, atNanos: UInt64, depth: Int, how: CallEnd
    ) {
        // The first frame is the thread, not a call.
        guard stack.count > 1, let frame = stack.popLast() else { return }
        let nanos = atNanos > enteredAtNanos ? atNanos - enteredAtNanos : 0
        tree.addSelf(nanos: nanos > frame.childNanos ? nanos - frame.childNanos : 0, to: frame.node)
        stack[stack.count - 1].childNanos &+= nanos
    }

    mutating func passed(_ function: UInt32, atNanos: UInt64, depth: Int) {
        tree.addCall(tree.child(function, of: stack[stack.count - 1].node))
    }

    mutating func lost(_ eventCount: UInt64, atNanos: UInt64) {}

    mutating func finish() {
        var names = FunctionTable<[UInt8]>()
        for root in tree.rootOrder {
            putLines(below: root, named: rootNames[Int(tree.nodes[Int(root)].name)], &names)
        }
    }

    /// Writes the lines of a root's tree, depth first, without recursion: stacks may be deep.
    private func putLines(below root: Int32, named rootName: String, _ names: inout FunctionTable<[UInt8]>) {
        var path = Array(rootName.utf8)
        var open: [(node: Int32, nextChild: Int, pathCount: Int)] = [(root, 0, path.count)]
        while let top = open.last {
            let node = tree.nodes[Int(top.node)]
            guard top.nextChild < node.children.count else {
                open.removeLast()
                continue
            }
            open[open.count - 1].nextChild += 1
            path.removeSubrange(top.pathCount...)
            let child = node.children[top.nextChild]
            path.append(UInt8(ascii: ";"))
            path += name(of: tree.nodes[Int(child)].name, &names)
            putLine(path, of: tree.nodes[Int(child)])
            open.append((child, 0, path.count))
        }
    }

    private func putLine(_ path: [UInt8], of node: StackTree.Node) {
        let value = weight == .time ? node.selfNanos : node.callCount
        guard value > 0 else { return }
        output.put(path)
        output.put(UInt8(ascii: " "))
        output.putDecimal(value)
        output.put(UInt8(ascii: "\n"))
    }

    private func name(of function: UInt32, _ names: inout FunctionTable<[UInt8]>) -> [UInt8] {
        if function == StackTree.deeper { return Array("[deeper]".utf8) }
        if let name = names[function] { return name }
        let name = Array(Self.cleaned(trace.function(function).displayName).utf8)
        names.set(name, of: function)
        return name
    }

    /// A name in which nothing can be taken for the end of a frame or of a line.
    static func cleaned(_ name: String) -> String {
        String(
            String.UnicodeScalarView(
                name.unicodeScalars.map { scalar in
                    switch scalar {
                    case ";": ":"
                    case _ where scalar.value < 0x20 || scalar.value == 0x7f: " "
                    default: scalar
                    }
                }))
    }
}
