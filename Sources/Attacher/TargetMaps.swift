import AgentShims

/// A mapping of the process: a line of /proc/PID/maps.
struct TargetMapping {
    var low: UInt64 = 0
    var high: UInt64 = 0
    var offset: UInt64 = 0
    var isReadable = false
    /// Its path or name, with an end mark.
    var path = InlineArray<1024, UInt8>(repeating: 0)
    fileprivate(set) var pathByteCount = 0

    func isNamed(_ name: StaticString) -> Bool {
        pathByteCount == name.utf8CodeUnitCount && ends(with: name)
    }

    func begins(with name: StaticString) -> Bool {
        let count = name.utf8CodeUnitCount
        if count > pathByteCount { return false }
        for index in 0..<count where path[index] != name.utf8Start[index] { return false }
        return true
    }

    func ends(with name: StaticString) -> Bool {
        let count = name.utf8CodeUnitCount
        if count > pathByteCount { return false }
        for index in 0..<count where path[pathByteCount - count + index] != name.utf8Start[index] { return false }
        return true
    }

    /// Whether its path has this in it.
    func contains(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        var start = 0
        while start + count <= pathByteCount {
            var index = 0
            while index < count && path[start + index] == text.utf8Start[index] { index += 1 }
            if index == count { return true }
            start += 1
        }
        return false
    }
}

/// Walks through the mappings of the process, in the order of their addresses.
struct TargetMaps {
    let file: ProcessFile

    /// Until `body` returns false.
    func each(_ body: (inout TargetMapping) -> Bool) {
        let descriptor = file.open("/maps")
        if descriptor < 0 { return }
        defer { System.close(descriptor) }
        var buffer = InlineArray<4096, UInt8>(repeating: 0)
        var line = LineReader()
        while true {
            let count = withUnsafeMutablePointer(to: &buffer) {
                System.read(descriptor, UInt64(UInt(bitPattern: $0)), 4096)
            }
            if count <= 0 { return }
            for index in 0..<Int(count) where line.consume(buffer[index]) {
                if !body(&line.mapping) { return }
                line = LineReader()
            }
        }
    }

    /// The end of the main thread's stack.
    var mainStackHigh: UInt64 {
        var high: UInt64 = 0
        each { mapping in
            if mapping.isNamed("[stack]") { high = mapping.high }
            return true
        }
        return high
    }
}

/// Reads `low-high rwxp offset device inode   path`, a byte at a time.
private struct LineReader {
    var mapping = TargetMapping()
    private var value: UInt64 = 0
    private var field = 0  // 0 low, 1 high, 2 permissions, 3 offset, 4 device, 5 inode, 6 path

    /// True at the end of a line.
    mutating func consume(_ byte: UInt8) -> Bool {
        if byte == 10 { return true }
        if field == 6 {
            if byte == 32 && mapping.pathByteCount == 0 { return false }
            if mapping.pathByteCount < 1023 {
                mapping.path[mapping.pathByteCount] = byte
                mapping.pathByteCount += 1
            }
            return false
        }
        if byte == 45 && field == 0 {
            mapping.low = value
            next()
        } else if byte == 32 {
            if field == 1 { mapping.high = value }
            if field == 3 { mapping.offset = value }
            next()
        } else if field == 2 {
            if byte == 114 { mapping.isReadable = true }
        } else {
            let digit = byte >= 97 ? byte &- 87 : byte &- 48
            value = value << 4 | UInt64(digit & 15)
        }
        return false
    }

    private mutating func next() {
        field += 1
        value = 0
    }
}
