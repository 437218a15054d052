import AgentShims

/// One message to or from the host, in the agent's message buffer.
///
/// Used by one thread at a time, with signals blocked.
struct Message {
    static var buffer: UInt64 { Tables.address(Tables.message) }

    /// Sends a message whose text, if any, already lies behind the head. Returns false when the
    /// host is gone.
    static func send(
        _ kind: AgentMessage.Kind, a: UInt64 = 0, b: UInt64 = 0, c: UInt64 = 0, d: UInt64 = 0,
        e: UInt64 = 0, f: UInt64 = 0, g: UInt64 = 0, textByteCount: UInt64 = 0
    ) -> Bool {
        nopal_store64(buffer, kind.rawValue)
        nopal_store64(buffer &+ 8, a)
        nopal_store64(buffer &+ 16, b)
        nopal_store64(buffer &+ 24, c)
        nopal_store64(buffer &+ 32, d)
        nopal_store64(buffer &+ 40, e)
        nopal_store64(buffer &+ 48, f)
        nopal_store64(buffer &+ 56, g)
        let byteCount = Int64(AgentMessage.headByteCount) &+ Int64(bitPattern: textByteCount)
        let noSignal: Int64 = 0x4000
        while true {
            let sent = System.call(44, AgentState.socket, Int64(bitPattern: buffer), byteCount, noSignal)
            if sent != System.interrupted { return sent == byteCount }
        }
    }

    static var textAddress: UInt64 { buffer &+ UInt64(AgentMessage.headByteCount) }

    /// Copies a C string behind the head; returns its length.
    static func setText(_ from: UInt64) -> UInt64 {
        CString.copy(from, to: textAddress, limit: UInt64(AgentMessage.maximumTextByteCount))
    }

    /// Waits for a message; nil when the host is gone. `descriptor` is -1 when none came with it.
    static func receive() -> (kind: AgentMessage.Kind, descriptor: Int64)? {
        var vector = (base: buffer, count: UInt64(AgentMessage.maximumByteCount))
        // cmsghdr: length u64, level i32, type i32, then the descriptor.
        var control: (UInt64, Int32, Int32, Int32, Int32) = (0, 0, 0, 0, 0)
        var header = MessageHeader()
        let count = withUnsafeMutablePointer(to: &vector) { vector in
            withUnsafeMutablePointer(to: &control) { control in
                header.vectors = UInt64(UInt(bitPattern: vector))
                header.control = UInt64(UInt(bitPattern: control))
                return withUnsafeMutablePointer(to: &header) { header in
                    receive(System.address(header))
                }
            }
        }
        if count < Int64(AgentMessage.headByteCount) { return nil }
        guard let kind = AgentMessage.Kind(rawValue: nopal_load64(buffer)) else { return nil }
        let hasDescriptor = header.controlByteCount >= 20 && control.2 == 1
        return (kind, hasDescriptor ? Int64(control.3) : -1)
    }

    private static func receive(_ header: Int64) -> Int64 {
        let closeOnExec: Int64 = 0x4000_0000
        while true {
            let count = System.call(47, AgentState.socket, header, closeOnExec)
            if count != System.interrupted { return count }
        }
    }

    /// Field 0 is `a`.
    static func field(_ index: UInt64) -> UInt64 { nopal_load64(buffer &+ 8 &+ index &* 8) }
}

/// `struct msghdr` on 64-bit Linux.
private struct MessageHeader {
    var name: UInt64 = 0
    var nameByteCount: UInt64 = 0
    var vectors: UInt64 = 0
    var vectorCount: UInt64 = 1
    var control: UInt64 = 0
    var controlByteCount: UInt64 = 24
    var flags: UInt64 = 0
}

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
