import AgentShims

/// Finds the mapping that holds an address, in /proc/self/maps, without allocating.
enum MapsReader {
    private static let chunkByteCount = 4096

    /// Returns (0, 0) when no mapping holds it or the file can't be read.
    static func mapping(holding address: UInt64) -> (low: UInt64, high: UInt64) {
        let path: StaticString = "/proc/self/maps"
        let descriptor = System.open(UInt64(UInt(bitPattern: path.utf8Start)), flags: 0)
        if descriptor < 0 { return (0, 0) }
        defer { System.close(descriptor) }
        var buffer = InlineArray<1024, UInt8>(repeating: 0)
        var parser = MapsLineParser()
        while true {
            let count = withUnsafeMutablePointer(to: &buffer) {
                System.read(descriptor, UInt64(UInt(bitPattern: $0)), 1024)
            }
            if count <= 0 { return (0, 0) }
            for index in 0..<Int(count) {
                if let range = parser.consume(buffer[index]), address >= range.low, address < range.high {
                    return range
                }
            }
        }
    }
}

/// Reads `low-high ...` lines one byte at a time.
private struct MapsLineParser {
    private var low: UInt64 = 0
    private var value: UInt64 = 0
    private var part = 0  // 0 low, 1 high, 2 the rest of the line

    mutating func consume(_ byte: UInt8) -> (low: UInt64, high: UInt64)? {
        if byte == 10 {
            part = 0
            value = 0
            return nil
        }
        if part == 2 { return nil }
        if byte == 45 {
            low = value
            value = 0
            part = 1
        } else if byte == 32 {
            part = 2
            return (low, value)
        } else {
            let digit = byte >= 97 ? byte &- 87 : byte &- 48
            value = value << 4 | UInt64(digit & 15)
        }
        return nil
    }
}
