/// What a site looks like to who fetches it.
public enum SiteForm: String, Equatable, Hashable, Sendable, CaseIterable {
    /// As the module's file has it.
    case original
    /// Armed: `test eax, imm32` over the stub's distance; on Arm a NOP, or a branch over the one to the stub.
    case off
    /// Armed: a branch to the stub.
    case on
}

extension Site {
    /// Which form stands in memory; nil when it is none of them.
    ///
    /// - Parameter isStub: whether a runtime address is that of a stub.
    public func form(in code: CodeImage, bias: UInt64, isStub: (UInt64) -> Bool) -> SiteForm? {
        guard isa == .x86_64 else { return armForm(in: code, bias: bias, isStub: isStub) }
        let start = address &+ bias
        guard let head = code.word(at: start, width: 1), let distance = code.word(at: start &+ 1, width: 4) else {
            return nil
        }
        if head == UInt64(Sled.on) || head == UInt64(Sled.off) {
            let target = start &+ 5 &+ UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: distance)))
            let standing = code.bytes(at: start &+ UInt64(sledByteCount), count: tail.count)
            if isStub(target) && standing == tail { return head == UInt64(Sled.on) ? .on : .off }
        }
        return code.bytes(at: start, count: original.count) == original ? .original : nil
    }

    /// The stub that an armed site leads to.
    public func stub(in code: CodeImage, bias: UInt64) -> UInt64? {
        let start = address &+ bias
        guard isa == .x86_64 else { return armBranch(in: code, at: start)?.target }
        guard let distance = code.word(at: start &+ 1, width: 4) else { return nil }
        return start &+ 5 &+ UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: distance)))
    }
}

/// The first bytes of armed sites.
public enum Sled {
    /// `jmp rel32`.
    public static let on: UInt8 = 0xe9
    /// `test eax, imm32`.
    public static let off: UInt8 = 0xa9
    /// `int3`.
    public static let breakpoint: UInt8 = 0xcc
}
