/// The NOPs that compilers put at function entries, by length.
///
/// Shape:  (66|2e)* 90, or (66|2e)* 0f 1f /0 with any memory operand; 1 to 15 bytes.
/// Source: Intel SDM vol. 2B, NOP.
public enum X86Nop {
    /// The length of the NOP at `offset`, nil when something else stands there.
    ///
    /// - Parameter byte: the code by offset; nil outside.
    public static func byteCount(at offset: Int, _ byte: (Int) -> UInt8?) -> Int? {
        var at = offset
        while let prefix = byte(at), prefix == 0x66 || prefix == 0x2E, at - offset < 12 { at += 1 }
        if byte(at) == 0x90 { return at + 1 - offset }
        guard byte(at) == 0x0F, byte(at + 1) == 0x1F, let modRM = byte(at + 2), modRM & 0x38 == 0,
            let operand = operandByteCount(modRM, sib: byte(at + 3))
        else { return nil }
        let byteCount = at + 3 + operand - offset
        return byteCount <= 15 && byte(offset + byteCount - 1) != nil ? byteCount : nil
    }

    /// What follows the ModRM byte of a memory operand: SIB and displacement.
    private static func operandByteCount(_ modRM: UInt8, sib: UInt8?) -> Int? {
        let hasSIB = modRM & 7 == 4
        switch modRM >> 6 {
        case 0:
            if hasSIB { return sib.map { $0 & 7 == 5 ? 5 : 1 } }
            return modRM & 7 == 5 ? nil : 0
        case 1: return hasSIB ? 2 : 1
        case 2: return hasSIB ? 5 : 4
        default: return nil
        }
    }

    /// NOPs of the recommended forms that fill `byteCount` bytes.
    public static func filling(_ byteCount: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < byteCount { bytes += recommended[min(9, byteCount - bytes.count) - 1] }
        return bytes
    }

    private static let recommended: [[UInt8]] = [
        [0x90], [0x66, 0x90], [0x0F, 0x1F, 0x00], [0x0F, 0x1F, 0x40, 0x00],
        [0x0F, 0x1F, 0x44, 0x00, 0x00], [0x66, 0x0F, 0x1F, 0x44, 0x00, 0x00],
        [0x0F, 0x1F, 0x80, 0x00, 0x00, 0x00, 0x00],
        [0x0F, 0x1F, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
        [0x66, 0x0F, 0x1F, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
    ]
}
