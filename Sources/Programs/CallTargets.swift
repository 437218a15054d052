import CElfutils

/// Where calls of `__fentry__`, `mcount`, `_mcount` and `__gnu_mcount_nc` go in a module: to a PLT entry, to a GOT
/// slot (`call *slot(%rip)`), or to the function itself when the module defines it.
struct CallTargets {
    /// Addresses that `call rel32` goes to.
    private(set) var functions: Set<UInt64> = []
    /// Addresses of the words that `call *(%rip)` reads.
    private(set) var slots: Set<UInt64> = []

    var isEmpty: Bool { functions.isEmpty && slots.isEmpty }

    private static let names = ["__fentry__", "mcount", "_mcount", "__gnu_mcount_nc"].map(StaticText.init)

    init(elf: ElfFile) {
        for table in elf.sections
        where table.type == UInt32(SHT_DYNSYM) || table.type == UInt32(SHT_SYMTAB) {
            let found = Self.symbols(table, in: elf)
            functions.formUnion(found.addresses)
            guard table.type == UInt32(SHT_DYNSYM), !found.indices.isEmpty else { continue }
            slots = Self.slots(of: found.indices, in: elf)
        }
        if !slots.isEmpty { addLinkageEntries(elf) }
    }

    /// The symbols of the names asked for: their indices, and the addresses of the defined ones.
    private static func symbols(
        _ table: ElfFile.Section, in elf: ElfFile
    ) -> (indices: Set<UInt32>, addresses: [UInt64]) {
        guard let symbols = elf.contents(of: table),
            let strings = FunctionTable.strings(of: table, in: elf)
        else { return ([], []) }
        var indices: Set<UInt32> = []
        var addresses: [UInt64] = []
        let layout = elf.symbolLayout
        for index in 0..<(symbols.count / layout.byteCount) {
            let start = index * layout.byteCount
            let offset: UInt32 = symbols.integer(at: start) ?? 0
            // All the names have an `m` or an underscore in front: skip the rest unread.
            guard let first = strings[Int(offset)], first == 0x5F || first == 0x6D,
                names.contains(where: { strings.holds($0, at: Int(offset)) })
            else { continue }
            indices.insert(UInt32(truncatingIfNeeded: index))
            let sectionIndex: UInt16 = symbols.integer(at: start + layout.section) ?? 0
            if sectionIndex != 0, let address = elf.word(in: symbols, at: start + layout.value) {
                // Of T32 code the lowest bit is set.
                addresses.append(elf.isa == .a32 ? address & ~1 : address)
            }
        }
        return (indices, addresses)
    }

    /// The GOT slots that the loader fills with those symbols.
    private static func slots(of symbols: Set<UInt32>, in elf: ElfFile) -> Set<UInt64> {
        var slots: Set<UInt64> = []
        if elf.isa == .a32 { return armSlots(of: symbols, in: elf) }
        for table in elf.sections where table.type == UInt32(SHT_RELA) {
            guard table.flags & UInt64(SHF_ALLOC) != 0, let bytes = elf.contents(of: table) else { continue }
            for at in stride(from: 0, through: bytes.count - 24, by: 24) {
                guard let info: UInt64 = bytes.integer(at: at + 8), info >> 32 != 0,
                    symbols.contains(UInt32(truncatingIfNeeded: info >> 32)),
                    let slot: UInt64 = bytes.integer(at: at)
                else { continue }
                slots.insert(slot)
            }
        }
        return slots
    }

    /// Adds the PLT entries that jump through one of the slots: `[endbr64] [bnd] jmp *slot(%rip)`.
    private mutating func addLinkageEntries(_ elf: ElfFile) {
        if elf.isa == .a32 { return functions.formUnion(Self.armLinkageEntries(elf, slots)) }
        for section in elf.sections where section.name.hasPrefix(".plt") {
            guard let code = elf.contents(of: section) else { continue }
            let width = section.entryByteCount == 8 ? 8 : 16
            for at in 0..<max(0, code.count - 5) where code[at] == 0xFF && code[at + 1] == 0x25 {
                guard let displacement: Int32 = code.integer(at: at + 2) else { break }
                let next = section.address &+ UInt64(at + 6)
                guard slots.contains(next &+ UInt64(bitPattern: Int64(displacement))) else { continue }
                functions.insert(section.address &+ UInt64(at / width * width))
            }
        }
    }

    /// The size of the call at `offset` when it goes to one of the targets.
    ///
    /// Shape: e8 rel32 (5), ff 15 rel32 (6), or 67 e8 rel32 (6), to which linkers relax the second.
    func callByteCount(in code: FileBytes, at offset: Int, address: UInt64) -> Int? {
        switch code[offset] {
        case 0xE8: return goes(to: functions, code, offset, 5, address) ? 5 : nil
        case 0x67 where code[offset + 1] == 0xE8: return goes(to: functions, code, offset, 6, address) ? 6 : nil
        case 0xFF where code[offset + 1] == 0x15: return goes(to: slots, code, offset, 6, address) ? 6 : nil
        default: return nil
        }
    }

    private func goes(
        to targets: Set<UInt64>, _ code: FileBytes, _ offset: Int, _ byteCount: Int, _ address: UInt64
    ) -> Bool {
        guard let displacement: Int32 = code.integer(at: offset + byteCount - 4) else { return false }
        return targets.contains(address &+ UInt64(byteCount) &+ UInt64(bitPattern: Int64(displacement)))
    }
}
