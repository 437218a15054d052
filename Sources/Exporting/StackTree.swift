/// The distinct stacks of a trace, as a tree: a node is a function below the node that called it.
///
/// Memory is bounded by the number of distinct stacks down to `depthLimit`; calls below that
/// share one node a stack, whose time and calls are kept, so sums stay exact.
struct StackTree {
    /// Deeper stacks are cut: a runaway recursion would otherwise make as many lines as it is
    /// deep, each as long as it is deep.
    static let depthLimit = 1024
    /// What stands for the calls below the limit; no function has this id.
    static let deeper = UInt32.max

    struct Node {
        var name: UInt32
        var depth: Int32
        var children: [Int32] = []
        /// The child that was entered last: often the next one, too.
        var recentChild: Int32 = -1
        var callCount: UInt64 = 0
        var selfNanos: UInt64 = 0
    }

    private(set) var nodes: [Node] = []
    private var places: [UInt64: Int32] = [:]
    private var roots: [UInt32: Int32] = [:]
    private(set) var rootOrder: [Int32] = []

    /// The root that is called `name`, made if it is new. Roots are no calls: threads, say.
    mutating func root(_ name: UInt32) -> Int32 {
        if let place = roots[name] { return place }
        let place = addNode(name, depth: 0)
        roots[name] = place
        rootOrder.append(place)
        return place
    }

    /// The node of `function` called from `parent`, made if it is new.
    @inline(__always)
    mutating func child(_ function: UInt32, of parent: Int32) -> Int32 {
        let recent = nodes[Int(parent)].recentChild
        if recent >= 0, nodes[Int(recent)].name == function { return recent }
        return findChild(function, of: parent)
    }

    private mutating func findChild(_ function: UInt32, of parent: Int32) -> Int32 {
        let depth = nodes[Int(parent)].depth
        if nodes[Int(parent)].name == Self.deeper { return parent }
        let name = depth >= Int32(Self.depthLimit) ? Self.deeper : function
        let key = UInt64(UInt32(bitPattern: parent)) << 32 | UInt64(name)
        if let place = places[key] {
            nodes[Int(parent)].recentChild = place
            return place
        }
        let place = addNode(name, depth: depth + 1)
        places[key] = place
        nodes[Int(parent)].children.append(place)
        nodes[Int(parent)].recentChild = place
        return place
    }

    private mutating func addNode(_ name: UInt32, depth: Int32) -> Int32 {
        nodes.append(Node(name: name, depth: depth))
        return Int32(truncatingIfNeeded: nodes.count - 1)
    }

    mutating func addCall(_ place: Int32) { nodes[Int(place)].callCount &+= 1 }

    mutating func addSelf(nanos: UInt64, to place: Int32) { nodes[Int(place)].selfNanos &+= nanos }
}
