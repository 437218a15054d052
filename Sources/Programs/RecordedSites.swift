import CElfutils

/// Collects what a module says about its sites: its sections, and the calls at its functions'
/// entries where no section lists them.
struct RecordedSites {
    private let elf: ElfFile
    private let functions: FunctionTable
    private let targets: CallTargets

    init(elf: ElfFile, functions: FunctionTable, targets: CallTargets) {
        self.elf = elf
        self.functions = functions
        self.targets = targets
    }

    /// All records; one function may have several.
    func all() -> [SiteRecord] {
        let pointers = RecordedPointers(elf: elf)
        var records = pointers.pointers(in: sections("__patchable_function_entries")).map {
            SiteRecord(source: .patchable, address: $0, function: nil)
        }
        records += unlistedEntries(besides: records)
        let locations = pointers.pointers(in: sections("__mcount_loc"))
        records += locations.map { SiteRecord(source: .mcountLocation, address: $0, function: nil) }
        for section in sections("xray_instr_map") { records += sleds(in: section) }
        if elf.isa == .x86_64, !targets.isEmpty { records += calls() }
        if elf.isa == .a32, !targets.functions.isEmpty { records += armCalls() }
        return records
    }

    /// Entries that were built with NOPs, in a module that has a table of them, and are not in it.
    ///
    /// gcc 12 ties the table of a whole C++ unit to the section of one of its functions. Where that
    /// is a COMDAT copy that the linker drops, the table of the unit goes with it; the NOPs stay.
    private func unlistedEntries(besides records: [SiteRecord]) -> [SiteRecord] {
        // AArch64: a lone NOP at an entry says nothing; libc's start-up code begins with one.
        guard elf.isa == .x86_64, !records.isEmpty else { return [] }
        let listed = Set(records.map(\.address))
        return functions.entries.compactMap { function in
            guard let code = elf.loaded(at: function.address, upTo: 16) else { return nil }
            let start = SiteFinder.branchTargetByteCount(in: code, .x86_64)
            let address = function.address &+ UInt64(start)
            guard !listed.contains(function.address), !listed.contains(address), Self.hasSled(in: code, at: start)
            else { return nil }
            return SiteRecord(source: .patchable, address: address, function: nil)
        }
    }

    /// What compilers write for `-fpatchable-function-entry=5`, and alignment never puts at an entry:
    /// five NOPs of one byte (gcc), or one of five bytes (clang).
    private static func hasSled(in code: FileBytes, at start: Int) -> Bool {
        guard let first: UInt32 = code.integer(at: start), let last = code[start + 4] else { return false }
        return (first == 0x9090_9090 && last == 0x90) || (first == 0x0044_1F0F && last == 0x00)
    }

    private func sections(_ name: String) -> [ElfFile.Section] {
        elf.sections.filter { $0.name == name && $0.byteCount > 0 }
    }

    /// Shape:  four words: sled - own address, function - address of this word; then kind, always, version, a byte each.
    /// Source: llvm/lib/CodeGen/AsmPrinter/AsmPrinter.cpp, XRayFunctionEntry::emit (version 2).
    private func sleds(in section: ElfFile.Section) -> [SiteRecord] {
        guard let bytes = elf.contents(of: section) else { return [] }
        let word = elf.wordByteCount
        var records: [SiteRecord] = []
        for at in stride(from: 0, through: bytes.count - 4 * word, by: 4 * word) {
            guard let sled = distance(in: bytes, at: at), let function = distance(in: bytes, at: at + word),
                let kind = bytes[at + 2 * word], let version = bytes[at + 2 * word + 2], version == 2,
                Self.isEntry(kind)
            else { continue }
            let own = section.address &+ UInt64(at)
            records.append(
                SiteRecord(source: .xray, address: own &+ sled, function: own &+ UInt64(word) &+ function))
        }
        return records
    }

    /// A signed word of the file's size.
    private func distance(in bytes: FileBytes, at offset: Int) -> UInt64? {
        elf.word(in: bytes, at: offset).map {
            elf.isa == .a32 ? UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: $0))) : $0
        }
    }

    /// FUNCTION_ENTER and LOG_ARGS_ENTER.
    private static func isEntry(_ kind: UInt8) -> Bool { kind == 0 || kind == 3 }

    /// How far into a function `call mcount` is looked for: behind prologues with many spills.
    private static let prologueLimitByteCount = 512

    /// `push {lr}; bl __gnu_mcount_nc` within the first bytes of each function.
    private func armCalls() -> [SiteRecord] {
        functions.entries.indices.compactMap { index in
            let function = functions.entries[index]
            let byteCount = Int(clamping: functions.end(of: index) &- function.address)
            guard let code = elf.loaded(at: function.address, upTo: min(byteCount, Self.prologueLimitByteCount)) else {
                return nil
            }
            let unit = function.isThumb ? 2 : 4
            return stride(from: 0, through: code.count - 6, by: unit).lazy.compactMap { offset -> SiteRecord? in
                let address = function.address &+ UInt64(offset)
                guard
                    targets.armCallByteCount(in: code, at: offset, address: address, isThumb: function.isThumb) != nil
                else { return nil }
                return SiteRecord(source: .call, address: address, function: function.address)
            }.first
        }
    }

    /// Calls of `__fentry__` and `mcount` within the first bytes of each function.
    private func calls() -> [SiteRecord] {
        var records: [SiteRecord] = []
        for index in functions.entries.indices {
            let address = functions.entries[index].address
            let byteCount = Int(clamping: functions.end(of: index) &- address)
            guard let code = elf.loaded(at: address, upTo: min(byteCount, Self.prologueLimitByteCount)) else {
                continue
            }
            for offset in 0..<max(0, code.count - 4) {
                let byte = code.raw[offset]
                guard byte == 0xE8 || byte == 0xFF || byte == 0x67,
                    targets.callByteCount(in: code, at: offset, address: address &+ UInt64(offset)) != nil
                else { continue }
                records.append(
                    SiteRecord(source: .call, address: address &+ UInt64(offset), function: address))
                break
            }
        }
        return records
    }
}
