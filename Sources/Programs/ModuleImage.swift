import CElfutils
import MachineCode
import Patching

/// One program or shared library as its file describes it. All addresses are link-time.
public struct ModuleImage: Sendable {
    public enum Kind: Equatable, Sendable {
        case executable(isPIE: Bool)
        case sharedLibrary
    }

    public let path: String
    public let isa: InstructionSet
    /// Empty when the file has none.
    public let buildID: [UInt8]
    public let kind: Kind
    /// From the first to past the last byte that loading occupies.
    public let lowestAddress: UInt64
    public let highestAddress: UInt64
    /// The executable PT_LOAD segments, sorted.
    public let textRanges: [Range<UInt64>]
    /// One verdict a function for which the file records a site, sorted by function address.
    public let sites: [FunctionSite]
    /// DT_INIT, the address of `_init`, where the file has one.
    public let initAddress: UInt64?
    /// False in a stripped file, where functions are named by address.
    public let hasFunctionNames: Bool

    let elf: ElfFile
    let functions: FunctionTable

    /// Reads a module: sites, symbols and layout; no DWARF.
    ///
    /// Throws: everything that `ProgramError` says about one file.
    ///
    /// - Parameter accepted: instruction sets whose files may be read; others are `.foreignMachine`.
    public static func read(
        path: String, accepting accepted: Set<InstructionSet> = [.x86_64]
    ) throws(ProgramError) -> ModuleImage {
        try ModuleImage(elf: ElfFile(path: path, accepting: accepted))
    }

    /// Those whose sites are found; only x86-64's are traced yet.
    public static let readable: Set<InstructionSet> = [.x86_64, .a64, .a32]

    private init(elf: ElfFile) throws(ProgramError) {
        self.elf = elf
        path = elf.path
        isa = elf.isa
        buildID = elf.buildID
        kind = Self.kind(of: elf)
        let loads = elf.segments.filter { $0.type == UInt32(PT_LOAD) && !$0.range.isEmpty }.map(\.range)
        guard let lowest = loads.map(\.lowerBound).min(), let highest = loads.map(\.upperBound).max() else {
            throw .malformed(path: elf.path, what: "nothing of it is to be loaded")
        }
        lowestAddress = lowest
        highestAddress = highest
        textRanges = elf.segments.filter { $0.type == UInt32(PT_LOAD) && $0.isExecutable && !$0.range.isEmpty }
            .map(\.range).sorted { $0.lowerBound < $1.lowerBound }
        initAddress = elf.dynamicValue(DT_INIT)

        var unwind = UnwindTable(elf: elf)
        functions = Self.functions(of: elf, unwind: &unwind)
        hasFunctionNames = functions.hasNames
        let targets = CallTargets(elf: elf)
        let records = RecordedSites(elf: elf, functions: functions, targets: targets).all()
        var finder = SiteFinder(elf: elf, functions: functions, targets: targets, unwind: unwind)
        sites = finder.verdicts(on: records)
    }

    private static func functions(of elf: ElfFile, unwind: inout UnwindTable?) -> FunctionTable {
        if let table = elf.sections.first(where: { $0.type == UInt32(SHT_SYMTAB) }) {
            return FunctionTable(elf: elf, table: table)
        }
        if let path = SeparateDebugFile.path(for: elf), let other = try? ElfFile(path: path, accepting: [elf.isa]),
            let table = other.sections.first(where: { $0.type == UInt32(SHT_SYMTAB) })
        {
            return FunctionTable(elf: other, table: table)
        }
        let mini = MiniSymbols.functions(of: elf)
        if !mini.isEmpty { return FunctionTable(symbols: mini) }
        if let ranges = unwind?.ranges() { return FunctionTable(ranges: ranges) }
        if let table = elf.sections.first(where: { $0.type == UInt32(SHT_DYNSYM) }) {
            return FunctionTable(elf: elf, table: table)
        }
        return FunctionTable(ranges: [])
    }

    /// A PIE says so in DT_FLAGS_1; older linkers leave only the interpreter as a sign, which
    /// some libraries have as well, but these have a DT_SONAME.
    private static func kind(of elf: ElfFile) -> Kind {
        if elf.type == UInt16(ET_EXEC) { return .executable(isPIE: false) }
        if let flags = elf.dynamicValue(DT_FLAGS_1), flags & UInt64(DF_1_PIE) != 0 {
            return .executable(isPIE: true)
        }
        let hasInterpreter = elf.segments.contains { $0.type == UInt32(PT_INTERP) }
        return hasInterpreter && elf.dynamicValue(DT_SONAME) == nil ? .executable(isPIE: true) : .sharedLibrary
    }
}

extension ModuleImage {
    /// The address of a defined function by name: .dynsym first, then .symtab. For an indirect
    /// function (STT_GNU_IFUNC) this would be the resolver's address, so those are left out.
    public func exportedFunction(_ name: String) -> UInt64? {
        let name = StaticText(name)
        for type in [SHT_DYNSYM, SHT_SYMTAB] {
            for table in elf.sections where table.type == UInt32(type) {
                if let address = definedFunction(name, in: table) { return address }
            }
        }
        return nil
    }

    private func definedFunction(_ name: StaticText, in table: ElfFile.Section) -> UInt64? {
        guard let symbols = elf.contents(of: table),
            let strings = FunctionTable.strings(of: table, in: elf)
        else { return nil }
        let layout = elf.symbolLayout
        for start in stride(from: 0, through: symbols.count - layout.byteCount, by: layout.byteCount) {
            guard let kind = symbols[start + layout.info], kind & 0xF == UInt8(STT_FUNC),
                let section: UInt16 = symbols.integer(at: start + layout.section), section != 0,
                let offset: UInt32 = symbols.integer(at: start),
                strings.holds(name, at: Int(offset))
            else { continue }
            return elf.word(in: symbols, at: start + layout.value)
        }
        return nil
    }
}
