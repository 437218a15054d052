import MachineCode
import Patching

/// What stands at an entry of 32-bit Arm code.
extension SiteFinder {
    static func isArmNop(_ code: FileBytes, at offset: Int) -> Bool {
        guard let word: UInt32 = code.integer(at: offset) else { return false }
        let found = A32Instruction(decoding: word)
        return found == .nop || found == .moveNop
    }

    static func isThumbNop(_ code: FileBytes, at offset: Int) -> Bool {
        code.integer(at: offset, as: UInt16.self).map { T32Instruction(decoding: [$0]) == .nop } ?? false
    }

    mutating func arm(
        _ record: SiteRecord, in code: FileBytes, entry: UInt64, byteCount: Int, isThumb: Bool
    ) -> Found {
        switch record.source {
        case .patchable: isThumb ? thumbNops(in: code, entry: entry) : armNop(in: code, entry: entry)
        case .xray where isThumb: .obstacle("no XRay sled at the recorded address")
        case .xray: armSled(in: code, at: Int(clamping: record.address &- entry), entry: entry)
        case .mcountLocation: .obstacle("a recorded call of mcount, which gcc does not write for 32-bit Arm")
        case .call:
            armCall(
                in: code, at: Int(clamping: record.address &- entry), entry: entry, byteCount: byteCount,
                isThumb: isThumb)
        }
    }

    /// A32: the first NOP of `-fpatchable-function-entry`, the size of a branch.
    private func armNop(in code: FileBytes, entry: UInt64) -> Found {
        guard Self.isArmNop(code, at: 0) else { return .obstacle("no NOP at the recorded entry") }
        return .site(
            Site(
                isa: .a32, address: entry, shape: .singleNop(byteCount: 4), original: code.array(0, count: 4), tail: [])
        )
    }

    /// T32: three NOPs of 16 bits make room for a short branch over a long one.
    private func thumbNops(in code: FileBytes, entry: UInt64) -> Found {
        guard Self.isThumbNop(code, at: 0) else { return .obstacle("no NOP at the recorded entry") }
        guard (1..<3).allSatisfy({ Self.isThumbNop(code, at: 2 * $0) }) else {
            return .obstacle("the entry has fewer than three NOPs of 16 bits")
        }
        return .site(
            Site(
                isa: .t32, address: entry, shape: .smallNops(count: 3), original: code.array(0, count: 6), tail: []))
    }

    /// An XRay sled of A32: `b #28` over six NOPs.
    ///
    /// Source: llvm/lib/Target/ARM/ARMAsmPrinter.cpp, EmitSled.
    private func armSled(in code: FileBytes, at offset: Int, entry: UInt64) -> Found {
        let byteCount = 28
        guard code.count >= offset + byteCount, let word: UInt32 = code.integer(at: offset),
            A32Instruction(decoding: word) == .branch(Int64(byteCount)),
            stride(from: offset + 4, to: offset + byteCount, by: 4).allSatisfy({ Self.isArmNop(code, at: $0) })
        else { return .obstacle("no XRay sled at the recorded address") }
        let original = code.array(offset, count: byteCount)
        return .site(
            Site(
                isa: .a32, address: entry &+ UInt64(offset), shape: .xraySled, original: original,
                tail: Array(original.dropFirst(4))))
    }
}
