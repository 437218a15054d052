/// Whether the prologue in front of `push {lr}; bl __gnu_mcount_nc` may slide down over the call: see `PrologueSlide`.
///
/// It may when it is straight-line code that neither reads nor writes the program counter, and nothing behind the window
/// branches to behind its first byte. Branches are looked for at every place where an instruction might begin: literal
/// pools stand among the code, and decoding can't tell where they end. So data can make a site be left out, one in a
/// thousand, and nothing more.
struct ArmPrologueSlide {
    private let a32 = ArmDecoder(isThumb: false)
    private let t32 = ArmDecoder(isThumb: true)

    /// Why the window may not be rewritten; nil when it may.
    ///
    /// - Parameter code: the function's bytes.
    mutating func obstacle(
        in code: FileBytes, prologueByteCount: Int, callByteCount: Int, isThumb: Bool
    ) -> String? {
        if prologueByteCount > 0 {
            guard let decoder = isThumb ? t32 : a32, let prologue = code.slice(0, byteCount: prologueByteCount) else {
                return "unknown prologue"
            }
            if let reason = decoder.obstacle(toMoving: prologue) { return reason }
        }
        let window = 1..<prologueByteCount + callByteCount
        let isEntered = isThumb ? Self.t32Branches(code, into: window) : Self.a32Branches(code, into: window)
        return isEntered ? "a branch leads into the prologue" : nil
    }

    /// B, BL and BLX, whatever their condition.
    private static func a32Branches(_ code: FileBytes, into window: Range<Int>) -> Bool {
        stride(from: window.upperBound, through: code.count - 4, by: 4).contains { offset in
            guard let word: UInt32 = code.integer(at: offset), word >> 25 & 7 == 5 else { return false }
            let distance = Int(Int32(bitPattern: word << 8) >> 6)
            return window.contains(offset + 8 + distance)
        }
    }

    /// B of 16 bits with and without a condition, CBZ and CBNZ, B.W with and without a condition, BL.
    private static func t32Branches(_ code: FileBytes, into window: Range<Int>) -> Bool {
        stride(from: window.upperBound, through: code.count - 2, by: 2).contains { offset in
            guard let first: UInt16 = code.integer(at: offset) else { return false }
            if let distance = narrowDistance(first) { return window.contains(offset + 4 + distance) }
            guard first >> 11 == 0b11110, let second: UInt16 = code.integer(at: offset + 2), second & 0x8000 != 0 else {
                return false
            }
            return window.contains(offset + 4 + wideDistance(first, second))
        }
    }

    private static func narrowDistance(_ halfword: UInt16) -> Int? {
        if halfword >> 12 == 0b1101, halfword >> 8 & 15 < 14 { return Int(Int8(truncatingIfNeeded: halfword)) * 2 }
        if halfword >> 11 == 0b11100 { return Int(Int16(bitPattern: halfword << 5) >> 4) }
        if halfword & 0xF500 == 0xB100 { return Int(halfword >> 3 & 0x1F | halfword >> 4 & 0x20) * 2 }
        return nil
    }

    private static func wideDistance(_ first: UInt16, _ second: UInt16) -> Int {
        let sign = UInt32(first >> 10 & 1)
        let (j1, j2) = (UInt32(second >> 13 & 1), UInt32(second >> 11 & 1))
        if second & 0x5000 == 0 {
            // With a condition: S:J2:J1:imm6:imm11, 20 bits.
            let field = sign << 19 | j2 << 18 | j1 << 17 | UInt32(first & 0x3F) << 11 | UInt32(second & 0x7FF)
            return Int(Int32(bitPattern: field << 12) >> 11)
        }
        let i1 = ~(j1 ^ sign) & 1
        let i2 = ~(j2 ^ sign) & 1
        let low = UInt32(first & 0x3FF) << 11 | UInt32(second & 0x7FF)
        let field = sign << 23 | i1 << 22 | i2 << 21 | low
        return Int(Int32(bitPattern: field << 8) >> 7)
    }
}
