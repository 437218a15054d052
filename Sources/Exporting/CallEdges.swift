/// Calls, summed by who called whom.
///
/// Memory is bounded by the number of distinct pairs of caller and callee.
struct CallEdges {
    struct Edge {
        var caller: UInt32
        var callee: UInt32
        var callCount: UInt64 = 0
        /// Nanoseconds inside the callee and whatever it called. A pair that is already on the
        /// stack adds nothing, nor does a function that calls itself: recursion counts once.
        var totalNanos: UInt64 = 0
        /// How often the pair is on the stack now.
        var openCount: UInt32 = 0
    }

    /// The caller of a thread's first function; no function has this id.
    static let nobody = UInt32.max

    private(set) var edges: [Edge] = []
    private var places: [UInt64: Int32] = [:]
    /// The edge that was taken last from a caller.
    private var recent = FunctionTable<Int32>()

    @inline(__always)
    mutating func place(caller: UInt32, callee: UInt32) -> Int32 {
        if let place = recent[caller], edges[Int(place)].callee == callee { return place }
        return findPlace(caller: caller, callee: callee)
    }

    private mutating func findPlace(caller: UInt32, callee: UInt32) -> Int32 {
        let key = UInt64(caller) << 32 | UInt64(callee)
        let place: Int32
        if let known = places[key] {
            place = known
        } else {
            edges.append(Edge(caller: caller, callee: callee))
            place = Int32(truncatingIfNeeded: edges.count - 1)
            places[key] = place
        }
        recent.set(place, of: caller)
        return place
    }

    mutating func opened(_ place: Int32) {
        edges[Int(place)].callCount &+= 1
        edges[Int(place)].openCount &+= 1
    }

    mutating func closed(_ place: Int32, nanos: UInt64) {
        let edge = edges[Int(place)]
        edges[Int(place)].openCount = edge.openCount &- 1
        if edge.openCount == 1, edge.caller != edge.callee { edges[Int(place)].totalNanos &+= nanos }
    }

    mutating func passed(_ place: Int32) { edges[Int(place)].callCount &+= 1 }
}
