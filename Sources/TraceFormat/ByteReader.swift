/// Why bytes could not be read as a record.
public enum FormatError: Error, Equatable, Sendable {
    /// The bytes end before the field does.
    case truncated
    /// A field holds a value that no writer writes.
    case invalid(field: String)
}

/// Reads what `ByteWriter` wrote; believes no length before it has checked it.
public struct ByteReader: Sendable {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    public init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    public init(_ bytes: [UInt8]) { self.init(bytes[...]) }

    public var isAtEnd: Bool { position >= bytes.endIndex }
    public var remainingByteCount: Int { bytes.endIndex - position }

    public mutating func byte() throws(FormatError) -> UInt8 {
        guard position < bytes.endIndex else { throw .truncated }
        defer { position += 1 }
        return bytes[position]
    }

    public mutating func fixed<T: FixedWidthInteger & UnsignedInteger>(_: T.Type) throws(FormatError) -> T {
        var value: T = 0
        for index in 0..<(T.bitWidth / 8) { value |= T(try byte()) << T(index * 8) }
        return value
    }

    public mutating func varint() throws(FormatError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let next = try byte()
            guard shift < 63 || (shift == 63 && next <= 1) else { throw .invalid(field: "varint") }
            value |= UInt64(next & 0x7f) << shift
            if next & 0x80 == 0 { return value }
            shift += 7
        }
    }

    public mutating func varint32() throws(FormatError) -> UInt32 {
        guard let value = UInt32(exactly: try varint()) else { throw .invalid(field: "varint32") }
        return value
    }

    public mutating func flag() throws(FormatError) -> Bool { try byte() != 0 }

    public mutating func blob() throws(FormatError) -> [UInt8] {
        let count = try varint()
        guard count <= UInt64(remainingByteCount) else { throw .truncated }
        defer { position += Int(count) }
        return Array(bytes[position..<position + Int(count)])
    }

    public mutating func string() throws(FormatError) -> String {
        String(decoding: try blob(), as: UTF8.self)
    }

    public mutating func list<Element>(
        _ read: (inout ByteReader) throws(FormatError) -> Element
    ) throws(FormatError) -> [Element] {
        let count = try varint()
        // Every element takes at least one byte, so a greater count is a fault.
        guard count <= UInt64(remainingByteCount) else { throw .truncated }
        var values: [Element] = []
        for _ in 0..<count { values.append(try read(&self)) }
        return values
    }
}
