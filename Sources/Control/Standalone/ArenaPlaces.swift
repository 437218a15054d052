import MachineCode

/// Where an arena may lie that is made before its process: distances from a module's first page, the best first. Nobody
/// knows yet what will be mapped there, so several are tried in turn.
///
/// Below a program nothing grows; above it its heap does, near libraries lie other libraries.
enum ArenaPlaces {
    /// Kernels for AArch64 may have pages of this size.
    private static let pageByteCount: Int64 = 1 << 16

    /// - Parameters:
    ///   - span: of the module, link-time.
    ///   - byteCount: of the arena, at most.
    ///   - lowest: what lies below is never had; nil for a module that is moved.
    static func distances(
        _ span: Range<UInt64>, byteCount: Int, isa: InstructionSet, lowest: Int64?
    ) -> [Int64] {
        let size = (Int64(byteCount) + pageByteCount - 1) & ~(pageByteCount - 1)
        let low = Int64(bitPattern: span.lowerBound) & ~(pageByteCount - 1)
        let high = (Int64(bitPattern: span.upperBound) + pageByteCount - 1) & ~(pageByteCount - 1)
        let gaps = gaps(isa)
        let below = gaps.map { low - $0 - size }.filter { lowest == nil || $0 >= lowest ?? 0 }
        let above = gaps.reversed().map { high + $0 }
        return below + above
    }

    /// Bytes between arena and module.
    private static func gaps(_ isa: InstructionSet) -> [Int64] {
        switch isa {
        case .x86_64, .a64: [1 << 20, 8 << 20, 32 << 20, 64 << 20]
        case .a32: [1 << 16, 2 << 20, 8 << 20, 20 << 20]
        case .t32: [1 << 16, 2 << 20, 6 << 20, 10 << 20]
        }
    }
}
