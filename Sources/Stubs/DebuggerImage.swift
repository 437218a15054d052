import MachineCode
import TraceFormat

/// A small ELF image that tells a debugger about an arena, through GDB's JIT interface: where the
/// stubs are and how to unwind them. Nothing but a debugger ever reads it.
///
/// Shape:  ELF header, section headers, .eh_frame, .symtab, .strtab, .shstrtab; .text has no bytes
///         of its own, only an address.
/// Source: GDB manual, "JIT Compilation Interface"; System V ABI, chapters 4 and 5.
enum DebuggerImage {
    private static let headerByteCount = 64
    private static let sectionHeaderByteCount = 64
    private static let symbolByteCount = 24

    private struct Section {
        var name: String
        var type: UInt32
        var flags: UInt64 = 0
        var address: UInt64 = 0
        var bytes: [UInt8] = []
        /// For a section without bytes of its own.
        var byteCount: UInt64?
        var link: UInt32 = 0
        var info: UInt32 = 0
        var entryByteCount: UInt64 = 0
    }

    /// - Parameters:
    ///   - stubs: the runtime range of all stubs.
    ///   - unwindTable: the arena's .eh_frame, which lies at `unwindTableAddress`.
    ///
    /// Empty on 32-bit Arm, whose debuggers read no such unwind table.
    static func bytes(
        stubs: Range<UInt64>, unwindTable: [UInt8], unwindTableAddress: UInt64, isa: InstructionSet = .x86_64
    ) -> [UInt8] {
        guard let machine = machine(isa) else { return [] }
        let alloc: UInt64 = 2
        let execute: UInt64 = 4
        var sections = [
            Section(name: "", type: 0),
            Section(
                name: ".text", type: 8, flags: alloc | execute, address: stubs.lowerBound,
                byteCount: UInt64(stubs.count)),
            Section(name: ".eh_frame", type: 1, flags: alloc, address: unwindTableAddress, bytes: unwindTable),
            Section(
                name: ".symtab", type: 2, bytes: symbols(stubs), link: 4, info: 1,
                entryByteCount: UInt64(symbolByteCount)),
            Section(name: ".strtab", type: 3, bytes: [0] + Array("nopal_stub\0".utf8)),
            Section(name: ".shstrtab", type: 3),
        ]
        sections[5].bytes = sections.flatMap { Array($0.name.utf8) + [0] }
        return header(machine, sectionCount: sections.count) + body(sections)
    }

    /// The number of a machine of 64 bits in an ELF header.
    private static func machine(_ isa: InstructionSet) -> UInt16? {
        switch isa {
        case .x86_64: 62
        case .a64: 183
        case .a32, .t32: nil
        }
    }

    /// The null symbol, and one function that spans all stubs.
    private static func symbols(_ stubs: Range<UInt64>) -> [UInt8] {
        var writer = ByteWriter()
        for _ in 0..<3 { writer.fixed(UInt64(0)) }
        writer.fixed(UInt32(1))  // name
        writer.fixed(UInt8(0x12))  // global function
        writer.fixed(UInt8(0))
        writer.fixed(UInt16(1))  // .text
        writer.fixed(stubs.lowerBound)
        writer.fixed(UInt64(stubs.count))
        return writer.bytes
    }

    private static func header(_ machine: UInt16, sectionCount: Int) -> [UInt8] {
        var writer = ByteWriter()
        for byte in [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0] as [UInt8] { writer.fixed(byte) }
        writer.fixed(UInt64(0))
        writer.fixed(UInt16(2))  // ET_EXEC: addresses are final
        writer.fixed(machine)
        writer.fixed(UInt32(1))
        writer.fixed(UInt64(0))  // entry
        writer.fixed(UInt64(0))  // program headers
        writer.fixed(UInt64(headerByteCount))  // section headers
        writer.fixed(UInt32(0))
        for value in [headerByteCount, 0, 0, sectionHeaderByteCount, sectionCount, sectionCount - 1] {
            writer.fixed(UInt16(value))
        }
        return writer.bytes
    }

    private static func body(_ sections: [Section]) -> [UInt8] {
        var headers = ByteWriter()
        var contents: [UInt8] = []
        let start = headerByteCount + sections.count * sectionHeaderByteCount
        var nameOffset = 0
        for section in sections {
            while contents.count % 8 != 0 { contents.append(0) }
            headers.fixed(UInt32(nameOffset))
            headers.fixed(section.type)
            headers.fixed(section.flags)
            headers.fixed(section.address)
            headers.fixed(UInt64(section.type == 0 ? 0 : start + contents.count))
            headers.fixed(section.byteCount ?? UInt64(section.bytes.count))
            headers.fixed(section.link)
            headers.fixed(section.info)
            headers.fixed(UInt64(8))  // alignment
            headers.fixed(section.entryByteCount)
            contents += section.bytes
            nameOffset += section.name.utf8.count + 1
        }
        return headers.bytes + contents
    }
}
