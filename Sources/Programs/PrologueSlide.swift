import CCapstone

/// Whether the prologue in front of `call mcount` may slide down over the call, so that the sled
/// comes first.
///
/// It may when it is position-independent code that only runs downwards, and no branch from
/// outside lands behind the window's first byte. Jumps within the prologue (over the saving of
/// vector registers, in functions with variable arguments) slide together with their targets. Branches through registers and tables cannot be followed;
/// compilers make jump tables for blocks of a function's body, never for its prologue, which has
/// no label. That is relied on here.
struct PrologueSlide {
    private let decoder: InstructionDecoder?
    /// Prologues repeat: what was found for the bytes seen so far.
    private var known: [[UInt8]: String?] = [:]

    init() { decoder = InstructionDecoder() }

    /// Why the window (`prologueByteCount` bytes, then the call) may not be rewritten; nil when
    /// it may.
    ///
    /// - Parameter code: the function's bytes from the window's start to the function's end.
    mutating func obstacle(in code: FileBytes, prologueByteCount: Int, callByteCount: Int) -> String? {
        let prologue = code.array(0, count: prologueByteCount)
        let found: String?
        if let before = known[prologue] {
            found = before
        } else {
            found = obstacle(inPrologue: code, byteCount: prologueByteCount)
            known[prologue] = .some(found)
        }
        if let found { return found }
        return isBranchedInto(code, windowByteCount: prologueByteCount + callByteCount)
            ? "a branch leads into the prologue" : nil
    }

    private func obstacle(inPrologue code: FileBytes, byteCount: Int) -> String? {
        if byteCount == 0 { return nil }
        guard let decoder, let prologue = code.slice(0, byteCount: byteCount) else {
            return "unknown prologue"
        }
        var obstacle: String?
        var targets: Set<Int64> = []
        let understood = decoder.decode(prologue) { instruction in
            targets.remove(Int64(instruction.offset))
            if instruction.isJump, let target = instruction.target, target > Int64(instruction.offset) {
                targets.insert(target)
            } else if instruction.leavesStraightLine {
                obstacle = "the prologue has a branch or call before mcount"
            } else if instruction.memory.contains(where: { $0.base == X86_REG_RIP || $0.base == X86_REG_EIP }) {
                obstacle = "the prologue addresses memory relative to itself"
            }
            return obstacle == nil
        }
        if obstacle == nil, understood != byteCount { return "unknown prologue" }
        targets.remove(Int64(byteCount))
        if obstacle == nil, !targets.isEmpty { return "the prologue has a branch or call before mcount" }
        return obstacle
    }

    /// First by looking for the bytes of a branch at every offset, which finds all of them and
    /// some that are none; only then by decoding.
    private func isBranchedInto(_ code: FileBytes, windowByteCount: Int) -> Bool {
        let inside = 1..<windowByteCount
        guard Self.mayBranch(code, into: inside) else { return false }
        guard let decoder else { return true }
        var isInside = false
        let understood = decoder.decode(code) { instruction in
            if let target = instruction.target, instruction.offset >= windowByteCount {
                isInside = inside.contains(Int(truncatingIfNeeded: target))
            }
            return !isInside
        }
        return isInside || understood < windowByteCount
    }

    private static func mayBranch(_ code: FileBytes, into window: Range<Int>) -> Bool {
        let raw = code.raw
        for at in stride(from: window.upperBound, to: raw.count - 1, by: 1) {
            let byte = raw[at]
            switch byte {
            case 0xEB, 0x70...0x7F, 0xE0...0xE3:
                if window.contains(at + 2 + Int(Int8(bitPattern: raw[at + 1]))) { return true }
            case 0xE8, 0xE9, 0x80...0x8F:
                // 0f 8x rel32 is looked at from its second byte on, like e9.
                guard at <= raw.count - 5 else { break }
                let displacement = raw.loadUnaligned(fromByteOffset: at + 1, as: Int32.self)
                if window.contains(at + 5 + Int(displacement)) { return true }
            default: break
            }
        }
        return false
    }
}
