import AgentShims

/// C strings at raw addresses.
enum CString {
    static func byte(_ at: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: nopal_load_bytes(at, 1)) }

    static func length(_ at: UInt64) -> UInt64 {
        if at == 0 { return 0 }
        var count: UInt64 = 0
        while byte(at &+ count) != 0 { count = count &+ 1 }
        return count
    }

    /// Copies at most `limit` bytes, without the end mark; returns how many.
    static func copy(_ from: UInt64, to: UInt64, limit: UInt64) -> UInt64 {
        var count: UInt64 = 0
        while count < limit {
            let next = from == 0 ? 0 : byte(from &+ count)
            if next == 0 { break }
            nopal_store8(to &+ count, next)
            count = count &+ 1
        }
        return count
    }

    static func begins(_ at: UInt64, with prefix: StaticString) -> Bool {
        for index in 0..<UInt64(prefix.utf8CodeUnitCount)
        where byte(at &+ index) != prefix.utf8Start[Int(index)] { return false }
        return true
    }

    /// Whether `part` occurs anywhere in the string at `at`.
    static func contains(_ at: UInt64, _ part: StaticString) -> Bool {
        var start = at
        while byte(start) != 0 {
            if begins(start, with: part) { return true }
            start = start &+ 1
        }
        return false
    }
}
