import CElfutils

/// The functions of a module by address: one entry an address, the best of its aliases.
///
/// Names are read only when asked for: a program has far more symbols than sites.
struct FunctionTable: Sendable {
    struct Entry: Sendable {
        var address: UInt64
        var byteCount: UInt64
        /// Where the name starts in its string table; nil in a stripped file.
        var nameOffset: UInt32?
        var rank: UInt8
        /// True for STT_GNU_IFUNC: what stands here runs while the loader relocates.
        var isResolver: Bool
        /// 32-bit Arm: its code is T32. The symbol's value says so in bit 0, which the address does not have.
        var isThumb = false
    }

    /// Sorted by address, no two of the same.
    let entries: [Entry]
    private let names: FileBytes?
    /// Keeps the file mapped that `names` lies in.
    private let elf: ElfFile?
    /// Names that lie in no file, one an entry; empty otherwise.
    private let givenNames: [String]
    /// False when addresses come from the unwind table only.
    let hasNames: Bool

    /// - Parameters:
    ///   - table: a section of type SHT_SYMTAB or SHT_DYNSYM of `elf`.
    init(elf: ElfFile, table: ElfFile.Section) {
        let strings = Self.strings(of: table, in: elf)
        self.elf = elf
        givenNames = []
        names = strings
        hasNames = true
        guard let strings, let symbols = elf.contents(of: table) else {
            entries = []
            return
        }
        entries = Self.best(Self.functions(symbols, of: elf, names: strings), names: strings)
    }

    /// A table of symbols that no section of the file holds as they are.
    init(symbols: [FunctionSymbol]) {
        elf = nil
        names = nil
        hasNames = true
        let sorted = symbols.sorted { ($0.address, $0.name) < ($1.address, $1.name) }
        var kept: [FunctionSymbol] = []
        for symbol in sorted where kept.last?.address != symbol.address { kept.append(symbol) }
        entries = kept.map {
            Entry(address: $0.address, byteCount: $0.byteCount, nameOffset: nil, rank: 0, isResolver: false)
        }
        givenNames = kept.map(\.name)
    }

    /// A table without names: function starts as the unwind table gives them.
    init(ranges: [Range<UInt64>]) {
        elf = nil
        givenNames = []
        names = nil
        hasNames = false
        entries = ranges.map {
            Entry(
                address: $0.lowerBound, byteCount: $0.upperBound - $0.lowerBound, nameOffset: nil,
                rank: 0, isResolver: false)
        }
    }

    /// The string table that a symbol table is linked to.
    static func strings(of table: ElfFile.Section, in elf: ElfFile) -> FileBytes? {
        guard let index = Int(exactly: table.link), index < elf.sections.count else { return nil }
        return elf.contents(of: elf.sections[index])
    }

    /// Every defined function symbol, in the file's order.
    private static func functions(_ symbols: FileBytes, of elf: ElfFile, names: FileBytes) -> [Entry] {
        var found: [Entry] = []
        found.reserveCapacity(symbols.count / 32)
        let layout = elf.symbolLayout
        let isArm32 = elf.isa == .a32
        symbols.raw.withMemoryRebound(to: UInt8.self) { bytes in
            let raw = UnsafeRawBufferPointer(bytes)
            func word(_ offset: Int) -> UInt64 {
                isArm32
                    ? UInt64(raw.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
                    : raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            }
            for start in stride(from: 0, through: raw.count - layout.byteCount, by: layout.byteCount) {
                let info = raw[start + layout.info]
                let isResolver = info & 0xF == UInt8(STT_GNU_IFUNC)
                guard info & 0xF == UInt8(STT_FUNC) || isResolver else { continue }
                let sectionIndex = raw.loadUnaligned(fromByteOffset: start + layout.section, as: UInt16.self)
                guard sectionIndex != 0, sectionIndex != UInt16(SHN_ABS) else { continue }
                let nameOffset = raw.loadUnaligned(fromByteOffset: start, as: UInt32.self)
                let value = word(start + layout.value)
                let isThumb = isArm32 && value & 1 == 1
                found.append(
                    Entry(
                        address: isThumb ? value - 1 : value, byteCount: word(start + layout.size),
                        nameOffset: nameOffset,
                        rank: rank(binding: info >> 4, names: names, at: Int(nameOffset)),
                        isResolver: isResolver, isThumb: isThumb))
            }
        }
        return found
    }

    /// 0 is best: global before weak before local, and within each plain names before those that
    /// start with an underscore (mangled names count as plain).
    private static func rank(binding: UInt8, names: FileBytes, at offset: Int) -> UInt8 {
        let order: UInt8 = binding == UInt8(STB_GLOBAL) ? 0 : binding == UInt8(STB_WEAK) ? 2 : 4
        guard names[offset] == UInt8(ascii: "_") else { return order }
        let second = names[offset + 1]
        let isMangled = second == UInt8(ascii: "Z") || second == UInt8(ascii: "R")
        return isMangled ? order : order + 1
    }

    /// Sorts and keeps the best of each address; of equals the name that sorts first.
    private static func best(_ found: [Entry], names: FileBytes) -> [Entry] {
        let isSorted = zip(found, found.dropFirst()).allSatisfy { $0.address < $1.address }
        if isSorted { return found }
        let sorted = found.sorted { ($0.address, $0.rank) < ($1.address, $1.rank) }
        var kept: [Entry] = []
        kept.reserveCapacity(sorted.count)
        for entry in sorted {
            guard let last = kept.last, last.address == entry.address else {
                kept.append(entry)
                continue
            }
            var better = last
            if entry.rank == last.rank, name(entry, in: names) < name(last, in: names) { better = entry }
            better.byteCount = max(last.byteCount, entry.byteCount)
            better.isResolver = last.isResolver || entry.isResolver
            kept[kept.count - 1] = better
        }
        return kept
    }

    private static func name(_ entry: Entry, in names: FileBytes) -> String {
        entry.nameOffset.flatMap { names.text(at: Int($0)) } ?? ""
    }
}

extension FunctionTable {
    /// The index of the last function that starts at or before `address`.
    func indexOfLast(startingAtOrBefore address: UInt64) -> Int? {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].address <= address { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? low - 1 : nil
    }

    /// The function that starts exactly at `address`.
    func index(of address: UInt64) -> Int? {
        guard let index = indexOfLast(startingAtOrBefore: address), entries[index].address == address
        else { return nil }
        return index
    }

    /// Where a function ends: its size, or the next function's start where that is unknown.
    func end(of index: Int) -> UInt64 {
        let entry = entries[index]
        let (end, overflow) = entry.address.addingReportingOverflow(entry.byteCount)
        if entry.byteCount > 0 && !overflow { return end }
        return index + 1 < entries.count ? entries[index + 1].address : entry.address
    }

    func symbol(at index: Int) -> FunctionSymbol {
        let entry = entries[index]
        return FunctionSymbol(
            name: name(at: index), address: entry.address, byteCount: end(of: index) &- entry.address)
    }

    /// The linkage name without `@VERSION`.
    func name(at index: Int) -> String {
        if !givenNames.isEmpty { return givenNames[index] }
        let entry = entries[index]
        guard let offset = entry.nameOffset, let names, let name = names.symbolName(at: Int(offset)) else {
            return Self.placeholder(entry.address)
        }
        return name
    }

    /// What a function without a symbol is called.
    static func placeholder(_ address: UInt64) -> String { "sub_" + String(address, radix: 16) }
}
