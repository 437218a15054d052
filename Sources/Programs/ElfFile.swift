import CElfutils
import MachineCode

/// A parsed ELF file: header, segments and sections through libelf, contents by bounds-checked
/// reading of the mapped file.
///
/// Only files of instruction sets that the caller accepts get this far. One for 32-bit Arm has code of both of its
/// instruction sets; it counts as A32.
final class ElfFile: @unchecked Sendable {
    struct Section: Sendable {
        var name: String
        var type: UInt32
        var flags: UInt64
        var address: UInt64
        var offset: UInt64
        var byteCount: UInt64
        var link: UInt32
        var entryByteCount: UInt64
    }

    struct Segment: Sendable {
        var type: UInt32
        var flags: UInt32
        var offset: UInt64
        var address: UInt64
        var fileByteCount: UInt64
        var memoryByteCount: UInt64
    }

    let file: MappedFile
    let isa: InstructionSet
    /// Where in a symbol what stands.
    let symbolLayout: SymbolLayout
    /// libelf's handle; it is not thread-safe, so it stays within the initializers here and in
    /// single-threaded helpers that are given it.
    let handle: OpaquePointer
    let type: UInt16
    let segments: [Segment]
    let sections: [Section]
    /// The PT_LOAD segments with their bytes, executable ones first: what addresses are looked
    /// up in.
    private let loads: [(range: Range<UInt64>, bytes: FileBytes)]

    /// Throws: everything that `MappedFile` throws, `.notELF`, `.is32Bit`, `.foreignMachine`,
    /// `.notLinked` (objects, core files), `.malformed`.
    init(path: String, accepting accepted: Set<InstructionSet> = [.x86_64]) throws(ProgramError) {
        let file = try MappedFile(path: path)
        isa = try Self.checkIdentity(of: file, accepted)
        _ = elf_version(UInt32(EV_CURRENT))
        let start = file.bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
        guard let handle = elf_memory(start, file.bytes.count) else {
            throw .malformed(path: path, what: Self.libraryMessage())
        }
        self.file = file
        self.handle = handle
        symbolLayout = isa == .a32 ? .of32Bits : .of64Bits
        var header = GElf_Ehdr()
        guard gelf_getehdr(handle, &header) != nil else {
            elf_end(handle)
            throw .malformed(path: path, what: Self.libraryMessage())
        }
        type = header.e_type
        segments = Self.segments(of: handle)
        sections = Self.sections(of: handle)
        loads = Self.loads(segments, file: file)
    }

    deinit { elf_end(handle) }

    var path: String { file.path }

    private static func libraryMessage() -> String {
        guard let message = elf_errmsg(-1) else { return "unreadable header" }
        return String(cString: message)
    }

    /// Looks at the first 20 bytes: magic, class, byte order, machine, kind.
    private static func checkIdentity(
        of file: MappedFile, _ accepted: Set<InstructionSet>
    ) throws(ProgramError) -> InstructionSet {
        let path = file.path
        guard let head = file.slice(offset: 0, byteCount: 4), head.integer(at: 0) == UInt32(0x464C_457F)
        else { throw .notELF(path: path) }
        guard let header = file.slice(offset: 0, byteCount: 64) else {
            throw .malformed(path: path, what: "it ends within its header")
        }
        let machine: UInt16 = header.integer(at: 18) ?? 0
        let is32Bit = header[4] == 1
        guard is32Bit || header[4] == 2 else { throw .malformed(path: path, what: "unknown class") }
        guard header[5] == 1 else { throw .foreignMachine(path: path, machine: "a big-endian machine") }
        if is32Bit && machine != UInt16(EM_ARM) { throw .is32Bit(path: path) }
        guard let isa = Self.instructionSet(ofMachine: machine), accepted.contains(isa) else {
            throw .foreignMachine(path: path, machine: Self.name(ofMachine: machine))
        }
        guard is32Bit == (isa == .a32) else {
            throw .malformed(path: path, what: "its class is not its machine's")
        }
        let type: UInt16 = header.integer(at: 16) ?? 0
        switch Int32(type) {
        case ET_EXEC, ET_DYN: return isa
        case ET_REL: throw .notLinked(path: path, what: "an object file")
        case ET_CORE: throw .notLinked(path: path, what: "a core dump")
        default: throw .notLinked(path: path, what: "an ELF file of an unknown kind")
        }
    }

    private static func instructionSet(ofMachine machine: UInt16) -> InstructionSet? {
        switch Int32(machine) {
        case EM_X86_64: .x86_64
        case EM_AARCH64: .a64
        case EM_ARM: .a32
        default: nil
        }
    }

    private static func name(ofMachine machine: UInt16) -> String {
        switch Int32(machine) {
        case EM_X86_64: "x86-64"
        case EM_AARCH64: "AArch64"
        case EM_ARM: "32-bit Arm"
        case EM_RISCV: "RISC-V"
        case EM_PPC64: "PowerPC"
        case EM_S390: "S/390"
        case EM_MIPS: "MIPS"
        default: "another machine (ELF number \(machine))"
        }
    }

    private static func segments(of handle: OpaquePointer) -> [Segment] {
        var count = 0
        guard elf_getphdrnum(handle, &count) == 0, count > 0 else { return [] }
        return (0..<count).compactMap { index in
            var header = GElf_Phdr()
            guard gelf_getphdr(handle, Int32(clamping: index), &header) != nil else { return nil }
            return Segment(
                type: header.p_type, flags: header.p_flags, offset: header.p_offset, address: header.p_vaddr,
                fileByteCount: header.p_filesz, memoryByteCount: header.p_memsz)
        }
    }

    private static func sections(of handle: OpaquePointer) -> [Section] {
        var names = 0
        guard elf_getshdrstrndx(handle, &names) == 0 else { return [] }
        var sections: [Section] = []
        var next = elf_nextscn(handle, nil)
        // libelf leaves out section 0; kept here so that indices of the file fit.
        sections.append(
            Section(
                name: "", type: 0, flags: 0, address: 0, offset: 0, byteCount: 0, link: 0,
                entryByteCount: 0))
        while let section = next {
            var header = GElf_Shdr()
            guard gelf_getshdr(section, &header) != nil else { break }
            let name = elf_strptr(handle, names, Int(header.sh_name)).map { String(cString: $0) }
            sections.append(
                Section(
                    name: name ?? "", type: header.sh_type, flags: header.sh_flags,
                    address: header.sh_addr, offset: header.sh_offset, byteCount: header.sh_size,
                    link: header.sh_link, entryByteCount: header.sh_entsize))
            next = elf_nextscn(handle, section)
        }
        return sections
    }

    private static func loads(_ segments: [Segment], file: MappedFile) -> [(Range<UInt64>, FileBytes)] {
        var loads: [(Range<UInt64>, FileBytes)] = []
        for isExecutable in [true, false] {
            for segment in segments
            where segment.type == UInt32(PT_LOAD) && segment.isExecutable == isExecutable {
                let byteCount = min(segment.fileByteCount, segment.memoryByteCount)
                let (end, overflow) = segment.address.addingReportingOverflow(byteCount)
                guard !overflow, let bytes = file.slice(offset: segment.offset, byteCount: byteCount)
                else { continue }
                loads.append((segment.address..<end, bytes))
            }
        }
        return loads
    }
}

extension ElfFile {
    /// The bytes that are loaded at `address`, at most `byteCount` of them, fewer at the
    /// segment's end; nil when nothing of the file is loaded there.
    @inline(__always)
    func loaded(at address: UInt64, upTo byteCount: Int) -> FileBytes? {
        for load in loads where load.range.contains(address) {
            let offset = Int(address - load.range.lowerBound)
            return load.bytes.slice(offset, byteCount: min(byteCount, load.bytes.count - offset))
        }
        return nil
    }

    /// Whether `address` lies in an executable segment.
    func isCode(_ address: UInt64) -> Bool {
        segments.contains { $0.type == UInt32(PT_LOAD) && $0.isExecutable && $0.range.contains(address) }
    }

    func section(named name: String) -> Section? {
        sections.first { $0.name == name && $0.byteCount > 0 }
    }

    /// What the file holds of a section; nil where it lies outside, empty for .bss and for the
    /// sections that a stripped-off debug file only names.
    func contents(of section: Section) -> FileBytes? {
        section.type == UInt32(SHT_NOBITS)
            ? file.slice(offset: 0, byteCount: 0)
            : file.slice(offset: section.offset, byteCount: section.byteCount)
    }

    /// The value of a tag of the dynamic section.
    func dynamicValue(_ tag: Int32) -> UInt64? {
        dynamicValues(tag).first
    }

    /// All values of a tag (DT_NEEDED stands several times).
    func dynamicValues(_ tag: Int32) -> [UInt64] {
        guard let dynamic = segments.first(where: { $0.type == UInt32(PT_DYNAMIC) }),
            let bytes = file.slice(offset: dynamic.offset, byteCount: dynamic.fileByteCount)
        else { return [] }
        var values: [UInt64] = []
        var at = 0
        while let found = word(in: bytes, at: at), let value = word(in: bytes, at: at + wordByteCount), found != 0 {
            if Int32(truncatingIfNeeded: found) == tag { values.append(value) }
            at += 2 * wordByteCount
        }
        return values
    }

    /// The size of the file's addresses, bytes.
    var wordByteCount: Int { isa == .a32 ? 4 : 8 }

    /// A number of the size of the file's addresses; nil outside of the bytes.
    func word(in bytes: FileBytes, at offset: Int) -> UInt64? {
        isa == .a32 ? bytes.integer(at: offset, as: UInt32.self).map(UInt64.init) : bytes.integer(at: offset)
    }

    /// A text of the dynamic string table, as DT_NEEDED and DT_RUNPATH name it.
    func dynamicText(at offset: UInt64) -> String? {
        guard let table = dynamicValue(DT_STRTAB), let offset = Int(exactly: offset) else { return nil }
        return loaded(at: table, upTo: Int(Int32.max))?.text(at: offset)
    }

    /// The path of the loader that runs it; nil where it names none.
    var loaderPath: String? {
        guard let segment = segments.first(where: { $0.type == UInt32(PT_INTERP) }),
            let bytes = file.slice(offset: segment.offset, byteCount: segment.fileByteCount)
        else { return nil }
        return bytes.text(at: 0)
    }

    /// The build id, empty when there is none.
    var buildID: [UInt8] {
        var bytes: UnsafeRawPointer?
        let count = dwelf_elf_gnu_build_id(handle, &bytes)
        guard count > 0, let bytes else { return [] }
        return Array(UnsafeRawBufferPointer(start: bytes, count: count))
    }
}

extension ElfFile.Segment {
    /// What it occupies in memory, link-time addresses; empty when it would wrap around.
    var range: Range<UInt64> {
        let (end, overflow) = address.addingReportingOverflow(memoryByteCount)
        return overflow ? address..<address : address..<end
    }

    var isExecutable: Bool { flags & UInt32(PF_X) != 0 }
}
