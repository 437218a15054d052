import CElfutils

/// Where functions start, and where their frames lie, from .eh_frame through its search table.
///
/// Only what finding return addresses needs is read: the CFA as a register and an offset. libdw
/// reads the same with `dwarf_cfi_addrframe`, at several microseconds an address; the tests
/// compare the two.
struct UnwindTable: Sendable {
    /// From `codeOffset` (bytes from the function's start) on, CFA = register + offset.
    struct Row: Equatable, Sendable {
        var codeOffset: UInt64
        /// DWARF number: 7 is rsp, 6 is rbp; nil where the CFA is an expression.
        var register: UInt64?
        var offset: Int64
    }

    private let elf: ElfFile
    private let header: UInt64
    private let table: FileBytes
    /// The CIE read last: a module has two or three for all its functions.
    private var lastCommon: (address: UInt64, information: CommonInformation)?

    /// Nil when the file has no search table, or one of a form that no linker writes.
    init?(elf: ElfFile) {
        guard let segment = elf.segments.first(where: { $0.type == UInt32(PT_GNU_EH_FRAME) }),
            let bytes = elf.file.slice(offset: segment.offset, byteCount: segment.fileByteCount),
            bytes.array(0, count: 4) == [1, 0x1B, 0x03, 0x3B],
            let count: UInt32 = bytes.integer(at: 8),
            let table = bytes.slice(12, byteCount: Int(count) * 8)
        else { return nil }
        self.elf = elf
        self.header = segment.address
        self.table = table
    }

    var count: Int { table.count / 8 }

    private func start(_ index: Int) -> UInt64 {
        header &+ UInt64(bitPattern: Int64(table.integer(at: index * 8, as: Int32.self) ?? 0))
    }

    private func description(_ index: Int) -> UInt64 {
        header &+ UInt64(bitPattern: Int64(table.integer(at: index * 8 + 4, as: Int32.self) ?? 0))
    }

    /// The ranges of all entries, sorted; entries that are damaged are left out.
    mutating func ranges() -> [Range<UInt64>] {
        var ranges: [Range<UInt64>] = []
        for index in 0..<count {
            guard let frame = frame(index), frame.byteCount > 0 else { continue }
            let (end, overflow) = start(index).addingReportingOverflow(frame.byteCount)
            if !overflow, start(index) >= ranges.last?.lowerBound ?? 0 { ranges.append(start(index)..<end) }
        }
        return ranges
    }

    /// Puts the rows of the function that starts at `address` into `rows`, at least one; false
    /// when it has no entry of its own or a damaged one.
    mutating func findRows(_ rows: inout [Row], ofFunctionAt address: UInt64) -> Bool {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if start(middle) < address { low = middle + 1 } else { high = middle }
        }
        guard low < count, start(low) == address, let frame = frame(low) else { return false }
        return FrameProgram.run(frame, into: &rows)
    }
}

extension UnwindTable {
    /// One FDE with its CIE.
    struct Frame {
        var byteCount: UInt64
        var codeAlignment: UInt64
        var initial: FileBytes
        var instructions: FileBytes
    }

    private mutating func frame(_ index: Int) -> Frame? {
        let address = description(index)
        guard var entry = record(at: address), let back: UInt32 = entry.integer(), back != 0,
            let common = commonInformation(at: address &+ 4 &- UInt64(back))
        else { return nil }
        let isWide = common.pointerEncoding & 0x0F == 0 || common.pointerEncoding & 0x07 == 4
        var byteCount: UInt64
        if isWide {
            guard entry.integer(UInt64.self) != nil, let count: UInt64 = entry.integer() else { return nil }
            byteCount = count
        } else {
            guard entry.integer(UInt32.self) != nil, let count: UInt32 = entry.integer() else { return nil }
            byteCount = UInt64(count)
        }
        if common.hasAugmentation, !entry.skipBlock() { return nil }
        guard let instructions = entry.rest else { return nil }
        return Frame(
            byteCount: byteCount, codeAlignment: common.codeAlignment, initial: common.instructions,
            instructions: instructions)
    }

    /// The bytes behind the length word of a CIE or FDE.
    private func record(at address: UInt64) -> FrameCursor? {
        guard let length: UInt32 = elf.loaded(at: address, upTo: 4)?.integer(at: 0), length < 1 << 24,
            let bytes = elf.loaded(at: address &+ 4, upTo: Int(length)), bytes.count == Int(length)
        else { return nil }
        return FrameCursor(bytes)
    }

    fileprivate struct CommonInformation {
        var pointerEncoding: UInt8 = 0
        var hasAugmentation = false
        var codeAlignment: UInt64
        var instructions: FileBytes
    }

    private mutating func commonInformation(at address: UInt64) -> CommonInformation? {
        if let last = lastCommon, last.address == address { return last.information }
        guard let information = readCommonInformation(at: address) else { return nil }
        lastCommon = (address, information)
        return information
    }

    private func readCommonInformation(at address: UInt64) -> CommonInformation? {
        guard var entry = record(at: address), entry.integer(UInt32.self) == 0,
            let version: UInt8 = entry.integer(), [1, 3].contains(version),
            let augmentation = entry.text(),
            let codeAlignment = entry.unsigned(), entry.signed() != nil,
            (version == 1 ? entry.integer(UInt8.self).map(UInt64.init) : entry.unsigned()) != nil
        else { return nil }
        var pointerEncoding: UInt8 = 0
        if augmentation.hasPrefix("z") {
            guard let count = entry.unsigned().flatMap(Int.init(exactly:)), count <= entry.bytes.count - entry.at
            else { return nil }
            let end = entry.at + count
            pointerEncoding = Self.pointerEncoding(&entry, augmentation) ?? 0
            entry.at = end
        } else if !augmentation.isEmpty {
            return nil
        }
        guard let instructions = entry.rest else { return nil }
        return CommonInformation(
            pointerEncoding: pointerEncoding, hasAugmentation: augmentation.hasPrefix("z"),
            codeAlignment: codeAlignment, instructions: instructions)
    }

    /// Walks the augmentation data to the byte that `R` stands for.
    private static func pointerEncoding(_ entry: inout FrameCursor, _ augmentation: String) -> UInt8? {
        for letter in augmentation.utf8.dropFirst() {
            switch letter {
            case UInt8(ascii: "R"): return entry.integer()
            case UInt8(ascii: "L"): if entry.integer(UInt8.self) == nil { return nil }
            case UInt8(ascii: "P"):
                guard let encoding: UInt8 = entry.integer() else { return nil }
                entry.at += [2: 2, 3: 4, 4: 8, 0: 8][encoding & 0x07] ?? 8
            default: break
            }
        }
        return nil
    }
}

extension FrameCursor {
    fileprivate var rest: FileBytes? { bytes.slice(at, byteCount: max(0, bytes.count - at)) }

    fileprivate mutating func text() -> String? {
        guard let text = bytes.text(at: at) else { return nil }
        at += text.utf8.count + 1
        return text
    }
}
