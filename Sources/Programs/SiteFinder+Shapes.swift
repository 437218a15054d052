import MachineCode
import Patching

/// What stands at an entry, shape by shape.
extension SiteFinder {
    /// NOPs of `-fpatchable-function-entry`, `-mnop-mcount`: five bytes of them are needed, and
    /// the window ends where an instruction ends.
    func nops(in code: FileBytes, at offset: Int, entry: UInt64) -> Found {
        if let common = commonNops(in: code, at: offset, address: entry &+ UInt64(offset)) { return .site(common) }
        let lengths = NopDecoding.run(in: code, at: offset)
        guard let first = lengths.first else { return .obstacle("no NOP at the recorded entry") }
        let total = lengths.reduce(0, +)
        guard total >= InstructionSet.x86_64.sledByteCount else {
            return .obstacle("the entry has fewer than 5 bytes of NOPs")
        }
        let address = entry &+ UInt64(offset)
        if first >= InstructionSet.x86_64.sledByteCount {
            return site(.singleNop(byteCount: first), code, offset, windowByteCount: first, at: address)
        }
        let leading = lengths.prefix { $0 == 1 }.count
        if leading >= InstructionSet.x86_64.sledByteCount {
            return site(
                .smallNops(count: leading), code, offset, windowByteCount: InstructionSet.x86_64.sledByteCount,
                at: address)
        }
        var window = 0
        var count = 0
        for length in lengths where window < InstructionSet.x86_64.sledByteCount {
            window += length
            count += 1
        }
        return site(
            .mixedNops(count: count, byteCount: window), code, offset, windowByteCount: window, at: address)
    }

    /// What gcc and clang write nearly always, without looking further: five small NOPs that
    /// something else follows, or one NOP of five bytes. The bytes are shared by all such sites.
    private func commonNops(in code: FileBytes, at offset: Int, address: UInt64) -> Site? {
        guard let first: UInt32 = code.integer(at: offset), let fifth = code[offset + 4] else { return nil }
        if first == 0x9090_9090, fifth == 0x90, let next = code[offset + 5], next != 0x90, next != 0x66, next != 0x0F,
            next != 0x2E
        {
            return Site(address: address, shape: .smallNops(count: 5), original: Self.smallNops, tail: [])
        }
        if first == 0x0044_1F0F, fifth == 0 || fifth == 8 {
            let original = fifth == 0 ? Self.singleNop : Self.clangNop
            return Site(address: address, shape: .singleNop(byteCount: 5), original: original, tail: [])
        }
        return nil
    }

    private static let smallNops: [UInt8] = [0x90, 0x90, 0x90, 0x90, 0x90]
    private static let singleNop: [UInt8] = [0x0F, 0x1F, 0x44, 0x00, 0x00]
    private static let clangNop: [UInt8] = [0x0F, 0x1F, 0x44, 0x00, 0x08]

    /// A site whose bytes after the sled become NOPs.
    private func site(
        _ shape: SiteShape, _ code: FileBytes, _ offset: Int, windowByteCount: Int, at address: UInt64
    ) -> Found {
        let original = code.array(offset, count: windowByteCount)
        let tail = X86Nop.filling(windowByteCount - InstructionSet.x86_64.sledByteCount)
        return .site(Site(address: address, shape: shape, original: original, tail: tail))
    }

    /// XRay's `eb 09` over nine bytes of NOP.
    func sled(in code: FileBytes, at offset: Int, entry: UInt64) -> Found {
        guard code.integer(at: offset) == UInt16(0x09EB), code.count >= offset + 11 else {
            return .obstacle("no XRay sled at the recorded address")
        }
        return site(.xraySled, code, offset, windowByteCount: 11, at: entry &+ UInt64(offset))
    }

    /// A call of `__fentry__` or `mcount` at `offset`, or the NOP that `-mnop-mcount` makes of it.
    mutating func call(in code: FileBytes, at offset: Int, entry: UInt64, byteCount: Int) -> Found {
        let start = Self.branchTargetByteCount(in: code, .x86_64)
        guard offset >= start, offset < code.count else {
            return .obstacle("recorded address lies outside the function")
        }
        if offset == start, NopDecoding.byteCount(in: code, at: offset) != nil {
            return nops(in: code, at: offset, entry: entry)
        }
        let address = entry &+ UInt64(offset)
        guard let callByteCount = targets.callByteCount(in: code, at: offset, address: address) else {
            return NopDecoding.byteCount(in: code, at: offset) != nil
                ? .obstacle("a NOP after the prologue: nothing to slide over")
                : .obstacle("neither a NOP nor a call of mcount at the recorded address")
        }
        if offset == start {
            return site(
                .fentryCall(byteCount: callByteCount), code, offset, windowByteCount: callByteCount, at: address)
        }
        return slidden(code, from: start, to: offset, callByteCount, entry: entry, byteCount: byteCount)
    }

    /// `prologue; call mcount` becomes sled, prologue, NOP.
    private mutating func slidden(
        _ code: FileBytes, from start: Int, to call: Int, _ callByteCount: Int, entry: UInt64, byteCount: Int
    ) -> Found {
        let prologueByteCount = call - start
        guard byteCount > start, let body = code.slice(start, byteCount: min(byteCount, code.count) - start) else {
            return .obstacle("the function's size is not known")
        }
        if let reason = prologues.obstacle(
            in: body, prologueByteCount: prologueByteCount, callByteCount: callByteCount)
        {
            return .obstacle(reason)
        }
        let windowByteCount = prologueByteCount + callByteCount
        let original = code.array(start, count: windowByteCount)
        let tail =
            original.prefix(prologueByteCount) + X86Nop.filling(callByteCount - InstructionSet.x86_64.sledByteCount)
        let shape = SiteShape.mcountCall(prologueByteCount: prologueByteCount, callByteCount: callByteCount)
        return .site(
            Site(address: entry &+ UInt64(start), shape: shape, original: original, tail: Array(tail)))
    }
}
