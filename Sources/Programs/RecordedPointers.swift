import CElfutils

/// The addresses that a section of pointers holds once the module is loaded, as link-time
/// addresses.
///
/// In position-independent files the pointers are relocations and the section's bytes may be
/// zero: R_X86_64_RELATIVE and R_X86_64_64 in .rela.dyn, AArch64's of the same meaning, or RELR words, whose addend
/// is the content.
struct RecordedPointers {
    private let elf: ElfFile

    init(elf: ElfFile) { self.elf = elf }

    /// Every non-zero pointer of the sections, in file order. Zero is what the linker leaves of
    /// functions that it threw away.
    func pointers(in sections: [ElfFile.Section]) -> [UInt64] {
        var all: [UInt64] = []
        for section in sections {
            guard let bytes = elf.contents(of: section) else { continue }
            var pointers: [UInt64] = []
            let size = elf.wordByteCount
            pointers.reserveCapacity(bytes.count / size)
            for at in stride(from: 0, through: bytes.count - size, by: size) {
                pointers.append(elf.word(in: bytes, at: at) ?? 0)
            }
            // 32-bit Arm has relocations without addends (REL): the addend stands in place.
            if elf.isa != .a32 { apply(to: &pointers, at: section.address) }
            all += pointers.lazy.filter { $0 != 0 }
        }
        return all
    }

    /// Overwrites what relocations give. RELR words need nothing: their addend stands in place.
    private func apply(to pointers: inout [UInt64], at address: UInt64) {
        let byteCount = UInt64(pointers.count) * 8
        for table in elf.sections where table.type == UInt32(SHT_RELA) && table.flags & UInt64(SHF_ALLOC) != 0 {
            guard let bytes = elf.contents(of: table) else { continue }
            for at in stride(from: 0, through: bytes.count - 24, by: 24) {
                guard let target: UInt64 = bytes.integer(at: at) else { break }
                let offset = target &- address
                guard offset < byteCount, offset % 8 == 0 else { continue }
                guard let info: UInt64 = bytes.integer(at: at + 8),
                    let addend: UInt64 = bytes.integer(at: at + 16)
                else { break }
                switch Int32(truncatingIfNeeded: info & 0xFFFF_FFFF) {
                case relative: pointers[Int(offset / 8)] = addend
                case absolute:
                    let value = symbolValue(UInt32(truncatingIfNeeded: info >> 32), table: table)
                    pointers[Int(offset / 8)] = value &+ addend
                default: break
                }
            }
        }
    }

    private var relative: Int32 { elf.isa == .a64 ? R_AARCH64_RELATIVE : R_X86_64_RELATIVE }
    private var absolute: Int32 { elf.isa == .a64 ? R_AARCH64_ABS64 : R_X86_64_64 }

    private func symbolValue(_ index: UInt32, table: ElfFile.Section) -> UInt64 {
        guard let link = Int(exactly: table.link), link < elf.sections.count,
            let symbols = elf.contents(of: elf.sections[link])
        else { return 0 }
        return symbols.integer(at: Int(index) * 24 + 8) ?? 0
    }
}
