import MachineCode

/// Arm: finds functions that read their own return address from the link register, or from where they saved it
/// beside the frame pointer. Traced with exits they would see the stub's address there.
///
/// `__builtin_return_address(0)` of gcc and clang is one of: `mov xN, x30`; `ldr xN, [x29, #8]`; `xpaclri` before either;
/// `str x30, [xN]` to somewhere else than the frame.
/// Saving and restoring x30, signing it and returning to it do not count.
///
/// Source: Arm ARM C4.1; the AAPCS64 keeps x29 and x30 side by side in a frame record.
enum LinkRegisterReads {
    private static let link: UInt32 = 30
    private static let framePointer: UInt32 = 29

    static func reads(_ code: FileBytes) -> Bool {
        for offset in stride(from: 0, through: code.count - 4, by: 4) {
            guard let word: UInt32 = code.integer(at: offset) else { return false }
            if isMove(word) || isSavedLoad(word) || isStore(word) || word == 0xD503_20FF { return true }
        }
        return false
    }

    /// 32-bit Arm: `mov rN, lr`, where N is no lr or pc; `str lr, [rN]`, where N is not the stack pointer. Only up to the
    /// first instruction that writes lr: behind it compilers keep anything there.
    ///
    /// - Parameter entryCall: where a call of __gnu_mcount_nc stands, which gives lr back.
    static func readsArm(_ code: FileBytes, isThumb: Bool, entryCall: Range<Int>) -> Bool {
        isThumb ? readsThumb(code, entryCall) : readsA32(code, entryCall)
    }

    private static func readsA32(_ code: FileBytes, _ entryCall: Range<Int>) -> Bool {
        for offset in stride(from: 0, through: code.count - 4, by: 4) where !entryCall.contains(offset) {
            guard let word: UInt32 = code.integer(at: offset) else { return false }
            // STR lr, whatever its condition and offset.
            if word & 0x0C50_F000 == 0x0400_E000, word >> 16 & 15 != 13, word >> 28 != 15 { return true }
            if word & 0xFFFF_0FFF == 0xE1A0_000E, word >> 12 & 15 < 13 { return true }
            if writesLinkA32(word) { return false }
        }
        return false
    }

    /// BL, BLX, and what has lr as its destination: data processing, LDR, LDM.
    private static func writesLinkA32(_ word: UInt32) -> Bool {
        if word >> 24 & 15 == 0xB || word >> 25 == 0x7D || word & 0x0FFF_FFF0 == 0x012F_FF30 { return true }
        switch word >> 26 & 3 {
        case 0:
            let isTest = word >> 23 & 3 == 2 && word >> 20 & 1 == 1
            return word >> 12 & 15 == 14 && !isTest
        case 1: return word >> 12 & 15 == 14 && word >> 20 & 1 == 1
        default: return word & 0x0E10_4000 == 0x0810_4000
        }
    }

    private static func readsThumb(_ code: FileBytes, _ entryCall: Range<Int>) -> Bool {
        var offset = 0
        while let halfword: UInt16 = code.integer(at: offset) {
            if entryCall.contains(offset) {
                offset = entryCall.upperBound
                continue
            }
            guard T32Instruction.isWide(halfword) else {
                // MOV Rd, Rm: 0100 0110 D mmmm ddd.
                if halfword & 0xFF78 == 0x4670, (halfword >> 4 & 8 | halfword & 7) < 13 { return true }
                let writes = halfword & 0xFF80 == 0x4780 || halfword & 0xFF87 == 0x4686
                if writes { return false }
                offset += 2
                continue
            }
            guard let second: UInt16 = code.integer(at: offset + 2) else { return false }
            // STR.W lr with an offset of 12 bits, or of 8.
            if [0xF8C0, 0xF840].contains(halfword & 0xFFF0), ![13, 15].contains(halfword & 15), second >> 12 == 14 {
                return true
            }
            if writesLinkThumb(halfword, second) { return false }
            offset += 4
        }
        return false
    }

    /// BL, BLX, and what has lr as its destination: data processing, LDR, LDM.
    private static func writesLinkThumb(_ first: UInt16, _ second: UInt16) -> Bool {
        if first >> 11 == 0b11110 {
            if second & 0xC000 == 0xC000 { return true }
            return second & 0x8000 == 0 && second >> 8 & 15 == 14
        }
        if first >> 9 == 0b1110101 || first >> 8 == 0xFA || first >> 8 == 0xFB { return second >> 8 & 15 == 14 }
        if first >> 9 == 0b1111100, first >> 4 & 1 == 1 { return second >> 12 == 14 }
        return first >> 9 == 0b1110100 && first >> 6 & 1 == 0 && first >> 4 & 1 == 1 && second & 0x4000 != 0
    }

    /// `orr xN, xzr, x30`, where N is not x30 itself.
    private static func isMove(_ word: UInt32) -> Bool {
        word & 0xFFFF_FFE0 == 0xAA00_03E0 | link << 16 && word & 31 != link
    }

    /// `str x30, [xN, #offset]`, where N is neither the stack pointer nor x29.
    private static func isStore(_ word: UInt32) -> Bool {
        word & 0xFFC0_001F == 0xF900_0000 | link && ![31, framePointer].contains(word >> 5 & 31)
    }

    /// `ldr xN, [x29, #8]`, where N is not x30 itself.
    private static func isSavedLoad(_ word: UInt32) -> Bool {
        word & 0xFFFF_FFE0 == 0xF940_0400 | framePointer << 5 && word & 31 != link
    }
}
