import Programs

/// Finds room for an arena within a branch's reach of a module.
enum ArenaPlacement {
    /// Where such address space begins: below is what the kernel keeps.
    private static let lowest: UInt64 = 0x1_0000
    private static let highest: UInt64 = 0x7fff_ffff_0000
    /// 2 GiB less a margin for the module's and the arena's own size.
    private static let reach: UInt64 = 0x7f00_0000
    /// Room left between an arena and what is below it, e.g. for a heap to grow.
    private static let clearance: UInt64 = 64 << 20

    /// Chooses an address for `byteCount` bytes, within reach of every address of `span`.
    ///
    /// Gaps below the module are preferred (the heap of a program grows above it), then gaps
    /// above, as far up as possible. Returns nil when there is none.
    static func choose(byteCount: UInt64, near span: Range<UInt64>, maps: [MapEntry]) -> UInt64? {
        let low = max(lowest, span.upperBound > reach ? span.upperBound - reach : 0)
        let high = min(highest, span.lowerBound &+ reach)
        var best: UInt64?
        for gap in gaps(maps) {
            let start = max(gap.lowerBound, low)
            let end = min(gap.upperBound, high)
            guard end > start, end - start >= byteCount else { continue }
            if gap.upperBound <= span.lowerBound {
                best = place(start: start, end: end, byteCount: byteCount)
            } else if best == nil || gap.lowerBound >= span.upperBound {
                if let best, best < span.lowerBound { return best }
                best = (end - byteCount) & ~0xffff
            }
        }
        return best.flatMap { $0 >= lowest ? $0 : nil }
    }

    /// In a gap below: some way above its start, some way below its end.
    private static func place(start: UInt64, end: UInt64, byteCount: UInt64) -> UInt64 {
        let spare = end - start - byteCount
        return (end - byteCount - min(clearance, spare / 2)) & ~0xfff
    }

    private static func gaps(_ maps: [MapEntry]) -> [Range<UInt64>] {
        var gaps: [Range<UInt64>] = []
        var previous = lowest
        for entry in maps {
            if entry.start > previous { gaps.append(previous..<entry.start) }
            previous = max(previous, entry.end)
        }
        if previous < highest { gaps.append(previous..<highest) }
        return gaps
    }
}
