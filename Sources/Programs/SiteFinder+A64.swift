import MachineCode
import Patching

/// What stands at an entry of AArch64 code.
extension SiteFinder {
    static func isNop(_ word: UInt32?) -> Bool { word.map { A64Instruction(decoding: $0) == .nop } ?? false }

    /// BTI, BTI c, BTI j, BTI jc.
    ///
    /// Source: Arm ARM C6.2, BTI: HINT with 32, 34, 36, 38.
    static func isBranchTarget(_ word: UInt32) -> Bool { word & 0xFFFF_FF3F == 0xD503_241F }

    func a64(_ record: SiteRecord, in code: FileBytes, at start: Int, entry: UInt64) -> Found {
        switch record.source {
        case .patchable: nop(in: code, at: start, entry: entry)
        case .xray: branchOverNops(in: code, at: Int(clamping: record.address &- entry), entry: entry)
        case .mcountLocation, .call:
            .obstacle("a call of mcount behind the prologue: build with -fpatchable-function-entry=1 instead")
        }
    }

    /// The first NOP of `-fpatchable-function-entry`: behind BTI, before PACIASP. It is the size of a branch; further
    /// ones stay as they are.
    private func nop(in code: FileBytes, at offset: Int, entry: UInt64) -> Found {
        guard Self.isNop(code.integer(at: offset)) else { return .obstacle("no NOP at the recorded entry") }
        return .site(
            Site(
                isa: .a64, address: entry &+ UInt64(offset), shape: .singleNop(byteCount: 4),
                original: code.array(offset, count: 4), tail: []))
    }

    /// An XRay sled: `b #32` over seven NOPs.
    private func branchOverNops(in code: FileBytes, at offset: Int, entry: UInt64) -> Found {
        let byteCount = 32
        guard code.count >= offset + byteCount, let word: UInt32 = code.integer(at: offset),
            A64Instruction(decoding: word) == .branch(Int64(byteCount)),
            stride(from: offset + 4, to: offset + byteCount, by: 4).allSatisfy({ Self.isNop(code.integer(at: $0)) })
        else { return .obstacle("no XRay sled at the recorded address") }
        let original = code.array(offset, count: byteCount)
        return .site(
            Site(
                isa: .a64, address: entry &+ UInt64(offset), shape: .xraySled, original: original,
                tail: Array(original.dropFirst(4))))
    }
}
