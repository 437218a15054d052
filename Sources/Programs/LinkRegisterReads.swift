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

    /// 32-bit Arm: `mov rN, lr`, where N is no lr or pc; `str lr, [rN]`, where N is not the stack pointer.
    static func readsArm(_ code: FileBytes, isThumb: Bool) -> Bool {
        if isThumb {
            return stride(from: 0, through: code.count - 2, by: 2).contains { offset in
                // MOV Rd, Rm with Rm = lr: 0100 0110 D 1110 ddd.
                guard let halfword: UInt16 = code.integer(at: offset) else { return false }
                // STR.W lr with an offset of 12 bits, or of 8.
                if [0xF8C0, 0xF840].contains(halfword & 0xFFF0), ![13, 15].contains(halfword & 15),
                    let second: UInt16 = code.integer(at: offset + 2), second >> 12 == 14
                {
                    return true
                }
                guard halfword & 0xFF78 == 0x4670 else { return false }
                return (halfword >> 4 & 8 | halfword & 7) < 13
            }
        }
        return stride(from: 0, through: code.count - 4, by: 4).contains { offset in
            guard let word: UInt32 = code.integer(at: offset) else { return false }
            // STR lr, whatever its condition and offset.
            if word & 0x0C50_F000 == 0x0400_E000, word >> 16 & 15 != 13, word >> 28 != 15 { return true }
            return word & 0xFFFF_0FFF == 0xE1A0_000E && word >> 12 & 15 < 13
        }
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
