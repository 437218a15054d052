/// Reads call-frame information byte by byte. Past the end every read gives nil.
struct FrameCursor {
    let bytes: FileBytes
    var at: Int

    init(_ bytes: FileBytes, at: Int = 0) {
        self.bytes = bytes
        self.at = at
    }

    var isAtEnd: Bool { at >= bytes.count }

    mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) -> Value? {
        guard let value: Value = bytes.integer(at: at) else { return nil }
        at += MemoryLayout<Value>.size
        return value
    }

    /// An unsigned LEB128 number; nil when it does not fit 64 bits.
    mutating func unsigned() -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while shift < 64, let byte = bytes[at] {
            at += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
            shift += 7
        }
        return nil
    }

    /// A signed LEB128 number; nil when it does not fit 64 bits.
    mutating func signed() -> Int64? {
        var value: Int64 = 0
        var shift: Int64 = 0
        while shift < 64, let byte = bytes[at] {
            at += 1
            value |= Int64(byte & 0x7F) << shift
            shift += 7
            if byte & 0x80 == 0 {
                return byte & 0x40 != 0 && shift < 64 ? value | (-1 << shift) : value
            }
        }
        return nil
    }

    /// Skips a block with a LEB128 length in front.
    mutating func skipBlock() -> Bool {
        guard let count = unsigned().flatMap(Int.init(exactly:)), count <= bytes.count - at else { return false }
        at += count
        return true
    }
}
