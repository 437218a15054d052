import Reading

/// Who called whom, summed up over paths from the outermost call.
///
/// A path deeper than `maximumDepth` is folded into its last node, so that endless recursion does
/// not take endless memory.
public struct CallGraph: Sendable {
    public struct Node: Sendable {
        public var function: UInt32
        /// Index of the caller's node; the root's is itself.
        public var parent: Int
        public var calls: UInt64 = 0
        public var nanos: UInt64 = 0
        /// Indices of called nodes, in the order in which they first appeared.
        public var children: [Int] = []
    }

    public static let maximumDepth = 1024
    /// The first is the root: no function, all threads.
    public private(set) var nodes: [Node]

    /// Walks every thread once, in parallel.
    public init(_ trace: Trace, _ selection: CallSelection) {
        let parts = inParallel(trace, make: { GraphBuilder() }) { builder, thread in
            if selection.isAll {
                trace.walk(thread, &builder)
            } else {
                var selecting = SelectingVisitor(selection, builder)
                trace.walk(thread, &selecting)
                builder = selecting.inner
            }
        }
        var whole = GraphBuilder()
        for part in parts { whole.add(part) }
        nodes = whole.nodes
        sortChildren()
    }

    /// The nodes of one function, outermost first.
    public func nodes(of function: UInt32) -> [Int] {
        nodes.indices.dropFirst().filter { nodes[$0].function == function }
    }

    /// The path from the outermost call to a node.
    public func path(to node: Int) -> [Int] {
        var path: [Int] = []
        var place = node
        while place != 0 {
            path.append(place)
            place = nodes[place].parent
        }
        return path.reversed()
    }

    /// What several nodes call, laid over each other, as a graph whose root they are.
    public func merged(_ places: [Int]) -> CallGraph {
        var builder = GraphBuilder()
        for place in places {
            builder.add(nodes, place, to: 0)
            builder.count(0, calls: nodes[place].calls, nanos: nodes[place].nanos)
        }
        return CallGraph(nodes: builder.nodes)
    }

    private init(nodes: [Node]) {
        self.nodes = nodes
        sortChildren()
    }

    private mutating func sortChildren() {
        let times = nodes.map(\.nanos)
        for index in nodes.indices {
            nodes[index].children.sort { (times[$0], $1) > (times[$1], $0) }
        }
        if nodes[0].calls == 0 { nodes[0].nanos = nodes[0].children.reduce(0) { $0 &+ nodes[$1].nanos } }
    }
}

struct GraphBuilder: CallVisitor, Sendable {
    private struct Edge: Hashable, Sendable { var caller: Int, function: UInt32 }

    private(set) var nodes = [CallGraph.Node(function: 0, parent: 0)]
    private var places: [Edge: Int] = [:]
    /// The nodes of the open calls.
    private var path: [Int] = []

    mutating func entered(_ function: UInt32, atNanos: UInt64, depth: Int) {
        let caller = path.last ?? 0
        let place = path.count < CallGraph.maximumDepth ? child(of: caller, function) : caller
        nodes[place].calls &+= 1
        path.append(place)
    }

    mutating func left(_ function: UInt32, enteredAtNanos: UInt64, atNanos: UInt64, depth: Int, how: CallEnd) {
        guard let place = path.popLast() else { return }
        // A folded call lies inside one that is counted already.
        if path.count < CallGraph.maximumDepth { nodes[place].nanos &+= atNanos &- enteredAtNanos }
    }

    mutating func passed(_ function: UInt32, atNanos: UInt64, depth: Int) {
        guard path.count < CallGraph.maximumDepth else { return }
        nodes[child(of: path.last ?? 0, function)].calls &+= 1
    }

    mutating func lost(_ eventCount: UInt64, atNanos: UInt64) {}

    mutating func add(_ other: GraphBuilder) { add(other.nodes, 0, to: 0) }

    /// Adds what lies below a node of another graph.
    mutating func add(_ others: [CallGraph.Node], _ from: Int, to start: Int) {
        var waiting = [(from: from, to: start)]
        while let (from, to) = waiting.popLast() {
            for other in others[from].children {
                let place = child(of: to, others[other].function)
                count(place, calls: others[other].calls, nanos: others[other].nanos)
                waiting.append((other, place))
            }
        }
    }

    mutating func count(_ place: Int, calls: UInt64, nanos: UInt64) {
        nodes[place].calls &+= calls
        nodes[place].nanos &+= nanos
    }

    private mutating func child(of caller: Int, _ function: UInt32) -> Int {
        let edge = Edge(caller: caller, function: function)
        if let place = places[edge] { return place }
        nodes.append(CallGraph.Node(function: function, parent: caller))
        nodes[caller].children.append(nodes.count - 1)
        places[edge] = nodes.count - 1
        return nodes.count - 1
    }
}
