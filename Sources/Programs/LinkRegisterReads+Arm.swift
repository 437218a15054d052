import MachineCode

/// The same for 32-bit Arm.
extension LinkRegisterReads {
    /// `mov rN, lr`, where N is no lr or pc; `str lr, [rN]`, where N is not the stack pointer; `str lr, [sp, #n]` where lr
    /// has been pushed before, so that this is no saving (clang at -O0). Only up to the first instruction that writes lr:
    /// behind it compilers keep anything there.
    ///
    /// - Parameter entryCall: where a call of __gnu_mcount_nc stands, which gives lr back.
    static func readsArm(_ code: FileBytes, isThumb: Bool, entryCall: Range<Int>) -> Bool {
        isThumb ? readsThumb(code, entryCall) : readsA32(code, entryCall)
    }

    private static func readsA32(_ code: FileBytes, _ entryCall: Range<Int>) -> Bool {
        var isSaved = false
        for offset in stride(from: 0, through: code.count - 4, by: 4) where !entryCall.contains(offset) {
            guard let word: UInt32 = code.integer(at: offset) else { return false }
            let isMedia = word & 0x0E00_0010 == 0x0600_0010
            if word >> 28 != 15 && !isMedia {
                // STR lr, whatever its condition and offset.
                if word & 0x0C50_F000 == 0x0400_E000, word >> 16 & 15 != 13 { return true }
                // Beside sp, which stays as it is.
                if isSaved, word & 0x0F7F_F000 == 0x050D_E000 { return true }
            }
            if word & 0xFFFF_0FFF == 0xE1A0_000E, word >> 12 & 15 < 13 { return true }
            if writesLinkA32(word) { return false }
            isSaved = isSaved || word & 0x0FFF_4000 == 0x092D_4000 || word & 0x0FFF_FFFF == 0x052D_E004
        }
        return false
    }

    /// BL, BLX, and what has lr as its destination: data processing, multiplications, loads.
    ///
    /// Source: ARMv7-A and ARMv7-R manual, A5.
    private static func writesLinkA32(_ word: UInt32) -> Bool {
        if word >> 24 & 15 == 0xB || word >> 25 == 0x7D || word & 0x0FFF_FFF0 == 0x012F_FF30 { return true }
        let (usual, upper) = (word >> 12 & 15 == 14, word >> 16 & 15 == 14)
        let isLoad = word >> 20 & 1 == 1
        switch word >> 25 & 7 {
        case 0 where word & 0x90 == 0x90:
            // Multiplications, exclusive accesses; then halfwords, signed bytes and pairs.
            if word & 0x60 == 0 { return word >> 24 & 1 == 0 ? upper || (word >> 23 & 1 == 1 && usual) : usual }
            return usual && (isLoad || word & 0x60 == 0x40)
        case 0, 1:
            let isTest = word >> 23 & 3 == 2 && isLoad
            return usual && !isTest
        case 3 where word & 0x10 != 0:
            // Signed multiplications and divisions; then extensions, fields and the like.
            return word >> 23 & 3 == 2 || word >> 20 & 31 == 0x18 ? upper : usual
        case 2, 3: return usual && isLoad
        case 4: return isLoad && word & 0x4000 != 0
        default: return false
        }
    }

    private static func readsThumb(_ code: FileBytes, _ entryCall: Range<Int>) -> Bool {
        var offset = 0
        var isSaved = false
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
                isSaved = isSaved || halfword & 0xFF00 == 0xB500
                offset += 2
                continue
            }
            guard let second: UInt16 = code.integer(at: offset + 2) else { return false }
            // STR.W lr with an offset of 12 bits, or of 8.
            if [0xF8C0, 0xF840].contains(halfword & 0xFFF0), ![13, 15].contains(halfword & 15), second >> 12 == 14 {
                return true
            }
            // Beside sp, which stays as it is.
            if isSaved, halfword == 0xF8CD, second >> 12 == 14 { return true }
            if writesLinkThumb(halfword, second) { return false }
            let isPush = halfword == 0xE92D && second & 0x4000 != 0 || halfword == 0xF84D && second == 0xED04
            isSaved = isSaved || isPush
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
        guard first >> 9 == 0b1110100, first >> 4 & 1 == 1 else { return false }
        // LDRD and exclusive loads; LDM.
        if first >> 6 & 1 == 1 { return second >> 12 == 14 || second >> 8 & 15 == 14 }
        return second & 0x4000 != 0
    }
}
