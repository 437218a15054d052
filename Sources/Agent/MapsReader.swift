import AgentShims

/// Finds the mapping that holds an address, in /proc/self/maps, without allocating.
enum MapsReader {
    /// Where it begins and ends, and where the one before it ends. All 0 when no mapping holds the address or the file
    /// can't be read.
    static func mapping(holding address: UInt64) -> (low: UInt64, high: UInt64, before: UInt64) {
        let found = find(address)
        return (found.low, found.high, found.before)
    }

    /// Whether all of a range is code: mapped in one piece, executable and not writable.
    static func isText(_ low: UInt64, _ high: UInt64) -> Bool {
        let found = find(low)
        return low < high && found.high >= high && found.isExecutable && !found.isWritable
    }

    private static func find(_ address: UInt64) -> MapsLine {
        let path: StaticString = "/proc/self/maps"
        let descriptor = System.open(UInt64(UInt(bitPattern: path.utf8Start)), flags: 0)
        if descriptor < 0 { return MapsLine() }
        defer { System.close(descriptor) }
        var buffer = InlineArray<1024, UInt8>(repeating: 0)
        var parser = MapsLineParser()
        while true {
            let count = withUnsafeMutablePointer(to: &buffer) {
                System.read(descriptor, UInt64(UInt(bitPattern: $0)), 1024)
            }
            if count <= 0 { return MapsLine() }
            for index in 0..<Int(count) {
                if let line = parser.consume(buffer[index]), address >= line.low, address < line.high {
                    return line
                }
            }
        }
    }
}

private struct MapsLine {
    var low: UInt64 = 0
    var high: UInt64 = 0
    /// Where the mapping of the line before ends.
    var before: UInt64 = 0
    var isWritable = false
    var isExecutable = false
}

/// Reads `low-high rwxp ...` lines one byte at a time.
private struct MapsLineParser {
    private var line = MapsLine()
    private var value: UInt64 = 0
    private var part = 0  // 0 low, 1 high, 2 permissions, 3 the rest of the line

    mutating func consume(_ byte: UInt8) -> MapsLine? {
        if byte == 10 {
            let before = line.high
            line = MapsLine()
            line.before = before
            part = 0
            value = 0
            return nil
        }
        if part == 3 { return nil }
        if part == 2 {
            if byte == 119 { line.isWritable = true }
            if byte == 120 { line.isExecutable = true }
            if byte != 32 { return nil }
            part = 3
            return line
        }
        if byte == 45 {
            line.low = value
            value = 0
            part = 1
        } else if byte == 32 {
            line.high = value
            part = 2
        } else {
            let digit = byte >= 97 ? byte &- 87 : byte &- 48
            value = value << 4 | UInt64(digit & 15)
        }
        return nil
    }
}
