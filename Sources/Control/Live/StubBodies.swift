import Patching
import Stubs

/// What stands in arenas: where stubs keep the way to their bodies.
struct StubBodies {
    private let arenas: [(range: Range<UInt64>, bytes: [UInt8])]
    private let kinds = Arena.bodyHoles()

    init(memory: ProcessMemory, arenas: [Range<UInt64>]) {
        self.arenas = arenas.compactMap { range in
            memory.read(range.lowerBound, count: range.count).map { (range, $0) }
        }
    }

    /// Plans read there what stands in stubs now.
    func add(to code: inout CodeImage) {
        for arena in arenas { code.add(start: arena.range.lowerBound, bytes: arena.bytes) }
    }

    /// The places in a stub that lead to a slid prologue, or to where it stood; none for other sites.
    func holes(of stub: UInt64, _ site: Site, _ bias: UInt64) -> [UInt64] {
        guard case .mcountCall = site.shape, let arena = arenas.first(where: { $0.range.contains(stub) }) else {
            return []
        }
        let targets = [site.bodyAddress &+ bias, site.address &+ bias]
        // The kind of stub is the one whose places all lead to this site.
        for offsets in kinds {
            let holes = offsets.map { stub &+ UInt64($0) }
            if holes.allSatisfy({ target(of: $0, arena).map(targets.contains) ?? false }) { return holes }
        }
        return []
    }

    private func target(of hole: UInt64, _ arena: (range: Range<UInt64>, bytes: [UInt8])) -> UInt64? {
        let from = Int(hole &- arena.range.lowerBound)
        guard from + 4 <= arena.bytes.count else { return nil }
        let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(arena.bytes[from + $1]) << UInt32(8 * $1) }
        return hole &+ 4 &+ UInt64(bitPattern: Int64(Int32(bitPattern: bits)))
    }
}
