import MachineCode
import Programs

/// Finds room for an arena within a branch's reach of a module.
enum ArenaPlacement {
    /// Where such address space begins: below is what the kernel keeps.
    private static let lowest: UInt64 = 0x1_0000
    private static func highest(_ isa: InstructionSet) -> UInt64 {
        isa == .a32 || isa == .t32 ? 0xffff_0000 : 0x7fff_ffff_0000
    }

    /// How far a sled's branch reaches, less a margin for the arena's own size.
    private static func reach(_ isa: InstructionSet) -> UInt64 {
        switch isa {
        case .x86_64: 0x7f00_0000
        case .a64: 127 << 20
        case .a32: 31 << 20
        case .t32: 15 << 20
        }
    }

    /// Room left between an arena and what is below it, e.g. for a heap to grow.
    private static func clearance(_ isa: InstructionSet) -> UInt64 {
        switch isa {
        case .x86_64: 64 << 20
        case .a64: 32 << 20
        case .a32, .t32: 4 << 20
        }
    }

    /// Chooses an address for `byteCount` bytes, within reach of every address of `span`.
    ///
    /// Roomy gaps are preferred, first those below the module (the heap of a program grows above
    /// it), then those above, as far up as possible. Returns nil when nothing fits.
    static func choose(
        byteCount: UInt64, near span: Range<UInt64>, maps: [MapEntry], isa: InstructionSet = .x86_64
    ) -> UInt64? {
        let reach = reach(isa)
        let clearance = clearance(isa)
        let low = max(lowest, span.upperBound > reach ? span.upperBound - reach : 0)
        let high = min(highest(isa), span.lowerBound &+ reach)
        let usable = gaps(maps, highest(isa)).map {
            max($0.lowerBound, low)..<max(max($0.lowerBound, low), min($0.upperBound, high))
        }
        .filter { UInt64($0.count) >= byteCount }
        let roomy = usable.filter { UInt64($0.count) >= byteCount + 2 * clearance }
        if let below = roomy.last(where: { $0.upperBound <= span.lowerBound }) {
            return (below.upperBound - byteCount - clearance) & ~0xfff
        }
        let above = roomy.last { $0.lowerBound >= span.upperBound } ?? usable.last
        return above.map { ($0.upperBound - byteCount) & ~0xfff }
    }

    private static func gaps(_ maps: [MapEntry], _ highest: UInt64) -> [Range<UInt64>] {
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
