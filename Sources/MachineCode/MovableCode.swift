/// Instructions at a function's entry that mean the same elsewhere: neither branches, nor relative to their place.
public enum MovableCode {
    /// How many bytes the instructions have that a branch of four bytes replaces; nil where one can't be moved.
    ///
    /// - Parameter code: at least eight bytes.
    public static func byteCount(in code: [UInt8], _ isa: InstructionSet) -> Int? {
        func halfword(_ offset: Int) -> UInt16 { UInt16(code[offset]) | UInt16(code[offset + 1]) << 8 }
        func word(_ offset: Int) -> UInt32 { UInt32(halfword(offset)) | UInt32(halfword(offset + 2)) << 16 }
        guard code.count >= 8 else { return nil }
        switch isa {
        case .x86_64: return nil
        case .a64: return isMovableA64(word(0)) ? 4 : nil
        case .a32: return isMovableA32(word(0)) ? 4 : nil
        case .t32:
            var offset = 0
            while offset < 4 {
                let first = halfword(offset)
                let isWide = T32Instruction.isWide(first)
                guard isWide ? isMovableT32(first, halfword(offset + 2)) : isMovableT32(first) else { return nil }
                offset += isWide ? 4 : 2
            }
            return offset
        }
    }

    /// Source: Arm ARM C4.1: branches, exceptions and system instructions have bits 28 to 26 101; ADR and ADRP bits 28
    /// to 24 10000; loads of literals bits 29 to 27 011 and 25, 24 00.
    private static func isMovableA64(_ word: UInt32) -> Bool {
        let isSystem = word >> 22 == 0xd5 << 2 | 0 || word >> 24 == 0xd5
        if word >> 26 & 7 == 0b101 { return isSystem }
        return word & 0x1f00_0000 != 0x1000_0000 && word & 0x3b00_0000 != 0x1800_0000
    }

    /// Data processing and single loads and stores that name no program counter.
    private static func isMovableA32(_ word: UInt32) -> Bool {
        guard word >> 28 == 14, word >> 27 & 1 == 0 else { return false }
        let registers = [word >> 16 & 15, word >> 12 & 15, word & 15]
        return !registers.contains(15)
    }

    /// Shifts, immediates, arithmetic of low registers, and PUSH.
    private static func isMovableT32(_ halfword: UInt16) -> Bool {
        if halfword < 0x4400 || halfword >> 9 == 0xb4 >> 1 { return true }
        // ADD, CMP, MOV of high registers.
        guard halfword >> 8 >= 0x44, halfword >> 8 <= 0x46 else { return false }
        return halfword >> 3 & 15 != 15 && (halfword >> 4 & 8 | halfword & 7) != 15
    }

    /// Data processing with an immediate, MRC, and PUSH.W, that name no program counter.
    private static func isMovableT32(_ first: UInt16, _ second: UInt16) -> Bool {
        if first == 0xe92d { return second & 0x8000 == 0 }
        if first >> 8 == 0xee { return second >> 12 != 15 }
        return first >> 11 == 0b11110 && second & 0x8000 == 0 && first & 15 != 15 && second >> 8 & 15 != 15
    }
}
