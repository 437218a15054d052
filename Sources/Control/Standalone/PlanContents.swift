import TraceFormat

/// A plan file in the making: bytes, with records whose fields are set when what they name has its place.
struct PlanContents {
    private(set) var bytes: [UInt8]

    init(reserving byteCount: Int) { bytes = [UInt8](repeating: 0, count: byteCount) }

    /// Appends at a multiple of eight; returns the offset.
    mutating func append(_ more: [UInt8]) -> UInt64 {
        bytes += [UInt8](repeating: 0, count: (8 - bytes.count % 8) % 8)
        defer { bytes += more }
        return UInt64(bytes.count)
    }

    mutating func append<Number: FixedWidthInteger>(_ numbers: [Number]) -> UInt64 {
        var writer = ByteWriter()
        for number in numbers { writer.fixed(number) }
        return append(writer.bytes)
    }

    /// Room that is set later.
    mutating func reserve(_ byteCount: Int) -> Int { Int(append([UInt8](repeating: 0, count: byteCount))) }

    mutating func set<Number: FixedWidthInteger>(_ number: Number, at offset: Int) {
        var writer = ByteWriter()
        writer.fixed(number)
        set(writer.bytes, at: offset)
    }

    mutating func set(_ some: [UInt8], at offset: Int) {
        bytes.replaceSubrange(offset..<offset + some.count, with: some)
    }
}
