import CElfutils
import MachineCode

/// Calls of `__gnu_mcount_nc` in 32-bit Arm code.
extension CallTargets {
    /// The GOT slots that the loader fills with those symbols; 32-bit Arm has relocations without an addend.
    ///
    /// Shape: Elf32_Rel: offset u32, info u32.
    static func armSlots(of symbols: Set<UInt32>, in elf: ElfFile) -> Set<UInt64> {
        var slots: Set<UInt64> = []
        for table in elf.sections where table.type == UInt32(SHT_REL) {
            guard table.flags & UInt64(SHF_ALLOC) != 0, let bytes = elf.contents(of: table) else { continue }
            for at in stride(from: 0, through: bytes.count - 8, by: 8) {
                guard let slot: UInt32 = bytes.integer(at: at), let info: UInt32 = bytes.integer(at: at + 4),
                    symbols.contains(info >> 8)
                else { continue }
                slots.insert(UInt64(slot))
            }
        }
        return slots
    }

    /// PLT entries that jump through one of the slots, where T32 code gets in four bytes before, by `bx pc`.
    static func armLinkageEntries(_ elf: ElfFile, _ slots: Set<UInt64>) -> Set<UInt64> {
        var entries: Set<UInt64> = []
        for section in elf.sections where section.name.hasPrefix(".plt") {
            guard let code = elf.contents(of: section) else { continue }
            for at in stride(from: 0, through: code.count - 12, by: 4) {
                guard let distance = distanceToSlot(code, at) else { continue }
                let start = section.address &+ UInt64(at)
                guard slots.contains((start &+ 8 &+ distance) & 0xFFFF_FFFF) else { continue }
                entries.insert(start)
                if code.integer(at: at - 4, as: UInt16.self) == 0x4778 { entries.insert(start &- 4) }
            }
        }
        return entries
    }

    /// How far from what pc reads as the slot of a PLT entry lies; nil where no entry begins.
    ///
    /// Shape:  `add ip, pc, #a; add ip, ip, #b; ldr pc, [ip, #c]!`, with `--long-plt` one more `add ip, ip, #`.
    private static func distanceToSlot(_ code: FileBytes, _ at: Int) -> UInt64? {
        guard let first: UInt32 = code.integer(at: at), first & 0xFFFF_F000 == 0xE28F_C000 else { return nil }
        var distance = turned(first)
        for next in [at + 4, at + 8, at + 12] {
            guard let word: UInt32 = code.integer(at: next) else { return nil }
            if word & 0xFFFF_F000 == 0xE5BC_F000 { return distance &+ UInt64(word & 0xFFF) }
            guard word & 0xFFFF_F000 == 0xE28C_C000 else { return nil }
            distance &+= turned(word)
        }
        return nil
    }

    /// Eight bits, turned right by twice four other ones.
    private static func turned(_ word: UInt32) -> UInt64 {
        let places = (word >> 8 & 15) * 2
        let bits = word & 0xFF
        return UInt64(places == 0 ? bits : bits >> places | bits << (32 - places))
    }

    /// The size of `push {lr}; bl TARGET` at `offset` when it goes to one of the targets; nil when something else stands
    /// there.
    ///
    /// - Parameter address: of what stands at `offset`, link-time.
    func armCallByteCount(in code: FileBytes, at offset: Int, address: UInt64, isThumb: Bool) -> Int? {
        guard isThumb else {
            guard let push: UInt32 = code.integer(at: offset), Self.isA32Push(push),
                let call: UInt32 = code.integer(at: offset + 4), let target = a32Target(call, at: address &+ 4),
                functions.contains(target)
            else { return nil }
            return 8
        }
        guard let push: UInt16 = code.integer(at: offset), T32Instruction(decoding: [push]) == .pushLR,
            let first: UInt16 = code.integer(at: offset + 2), let second: UInt16 = code.integer(at: offset + 4),
            let target = t32Target(first, second, at: address &+ 2), functions.contains(target)
        else { return nil }
        return 6
    }

    /// `push {lr}` as gcc writes it, or `stmfd sp!, {lr}`, as clang does.
    private static func isA32Push(_ word: UInt32) -> Bool {
        A32Instruction(decoding: word) == .pushLR || word == 0xE92D_4000
    }

    /// BL, or BLX to T32 code.
    private func a32Target(_ word: UInt32, at address: UInt64) -> UInt64? {
        if case .branchLink(let distance)? = A32Instruction(decoding: word) {
            return address &+ UInt64(bitPattern: distance)
        }
        guard word >> 25 == 0xFA >> 1 else { return nil }
        let distance = Int64(Int32(bitPattern: word << 8) >> 6)
        return address &+ 8 &+ UInt64(bitPattern: distance) &+ UInt64(word >> 23 & 2)
    }

    /// BL, or BLX to A32 code, which counts from an aligned place.
    private func t32Target(_ first: UInt16, _ second: UInt16, at address: UInt64) -> UInt64? {
        if case .branchLink(let distance)? = T32Instruction(decoding: [first, second]) {
            return address &+ UInt64(bitPattern: distance)
        }
        // BLX differs from BL in one bit.
        guard second & 0xD001 == 0xC000,
            case .branchLink(let distance)? = T32Instruction(decoding: [first, second | 0x1000])
        else { return nil }
        return (address &+ 4) & ~3 &+ UInt64(bitPattern: distance - 4)
    }
}
