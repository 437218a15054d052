import AgentShims

/// Where the mappings of the process end that may be stacks; while its threads are stopped, they stay.
struct TargetStacks {
    private static let capacity: UInt64 = 65536
    private static let byteCount: UInt64 = 16
    /// Start and end of each, by address; made once, attempts follow each other.
    nonisolated(unsafe) private static var table: UInt64 = 0
    private var count: UInt64 = 0

    init(_ maps: TargetMaps) {
        if Self.table == 0 { Self.table = System.allocate(Self.capacity &* Self.byteCount) }
        if Self.table == 0 { return }
        var count: UInt64 = 0
        maps.each { mapping in
            if mapping.isReadable && count < Self.capacity {
                nopal_store64(Self.table &+ count &* Self.byteCount, mapping.low)
                nopal_store64(Self.table &+ count &* Self.byteCount &+ 8, mapping.high)
                count = count &+ 1
            }
            return true
        }
        self.count = count
    }

    /// The end of the mapping that holds an address; 0 when none does.
    func end(holding address: UInt64) -> UInt64 {
        for index in 0..<count {
            let mapping = Self.table &+ index &* Self.byteCount
            if address >= nopal_load64(mapping) && address < nopal_load64(mapping &+ 8) {
                return nopal_load64(mapping &+ 8)
            }
        }
        return 0
    }
}
