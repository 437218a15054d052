/// A relation on at most 128 events: for each, the set of those that follow it.
struct EventRelation: Equatable, Sendable {
    private(set) var rows: [UInt128]

    init(count: Int) { rows = Array(repeating: 0, count: count) }

    mutating func insert(_ from: Int, _ to: Int) { rows[from] |= 1 << UInt128(to) }

    func contains(_ from: Int, _ to: Int) -> Bool { rows[from] >> UInt128(to) & 1 == 1 }

    mutating func formUnion(_ other: EventRelation) { for index in rows.indices { rows[index] |= other.rows[index] } }

    /// The closure under following.
    func closed() -> EventRelation {
        var result = self
        for middle in rows.indices {
            let reached = result.rows[middle]
            let bit: UInt128 = 1 << UInt128(middle)
            for index in rows.indices where result.rows[index] & bit != 0 { result.rows[index] |= reached }
        }
        return result
    }

    /// Whether an event follows itself; of a closed relation.
    var hasLoop: Bool { rows.indices.contains { contains($0, $0) } }

    /// A shortest cycle's events; empty when there is none.
    func cycle() -> [Int] {
        var best: [Int] = []
        for start in rows.indices {
            var parents: [Int: Int] = [:]
            var queue = [start]
            var next = 0
            search: while next < queue.count {
                let from = queue[next]
                next += 1
                for to in rows.indices where contains(from, to) {
                    if to == start {
                        var path = [from]
                        while let parent = parents[path[path.count - 1]] { path.append(parent) }
                        if best.isEmpty || path.count < best.count { best = path.reversed() }
                        break search
                    }
                    if parents[to] == nil && to != start {
                        parents[to] = from
                        queue.append(to)
                    }
                }
            }
        }
        return best
    }
}
