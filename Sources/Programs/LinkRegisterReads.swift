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
