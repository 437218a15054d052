import AgentShims

/// One connection to the host, and the buffer of its messages.
///
/// Used by one thread at a time, with signals blocked.
struct Channel {
    let socket: Int64
    /// Two pages.
    let buffer: UInt64

    /// The one of the process: used before `main`, in a forked child, and under the loader's lock.
    static var main: Channel { Channel(socket: AgentState.socket, buffer: Tables.address(Tables.message)) }

    /// Sends a message whose text, if any, already lies behind the head. Returns false when the
    /// host is gone.
    @discardableResult
    func send(
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
            let sent = System.call(CallNumber.send, socket, Int64(bitPattern: buffer), byteCount, noSignal)
            if sent != System.interrupted { return sent == byteCount }
        }
    }

    var textAddress: UInt64 { buffer &+ UInt64(AgentMessage.headByteCount) }

    /// Copies a C string behind the head; returns its length.
    func setText(_ from: UInt64) -> UInt64 {
        CString.copy(from, to: textAddress, limit: UInt64(AgentMessage.maximumTextByteCount))
    }

    /// Waits for a message; nil when the host is gone or sent none that the agent knows.
    /// `descriptor` is -1 when none came with it.
    func receive() -> (kind: AgentMessage.Kind, descriptor: Int64, textByteCount: UInt64)? {
        var vector = (base: UInt(truncatingIfNeeded: buffer), count: UInt(AgentMessage.maximumByteCount))
        // cmsghdr: length (a word), level i32, type i32, then the descriptor.
        var control: (UInt, Int32, Int32, Int32, Int32) = (0, 0, 0, 0, 0)
        var header = MessageHeader()
        let count = withUnsafeMutablePointer(to: &vector) { vector in
            withUnsafeMutablePointer(to: &control) { control in
                header.vectors = UInt(bitPattern: vector)
                header.control = UInt(bitPattern: control)
                return withUnsafeMutablePointer(to: &header) { header in
                    receive(System.address(header))
                }
            }
        }
        let hasDescriptor = header.controlByteCount >= UInt(Word.byteCount) &+ 12 && control.1 == 1 && control.2 == 1
        let descriptor = hasDescriptor ? Int64(control.3) : -1
        // Oversized messages arrive cut, and say so.
        let isCut = header.flags & MessageHeader.isCut != 0
        guard count >= Int64(AgentMessage.headByteCount), !isCut,
            let kind = AgentMessage.Kind(rawValue: nopal_load64(buffer))
        else {
            if descriptor >= 0 { System.close(descriptor) }
            return nil
        }
        return (kind, descriptor, UInt64(bitPattern: count) &- UInt64(AgentMessage.headByteCount))
    }

    private func receive(_ header: Int64) -> Int64 {
        let closeOnExec: Int64 = 0x4000_0000
        while true {
            let count = System.call(CallNumber.receive, socket, header, closeOnExec)
            if count != System.interrupted { return count }
        }
    }

    /// Field 0 is `a`.
    func field(_ index: UInt64) -> UInt64 { nopal_load64(buffer &+ 8 &+ index &* 8) }
}

/// `struct msghdr` of Linux; the two fields of 32 bits have a word each.
private struct MessageHeader {
    var name: UInt = 0
    var nameByteCount: UInt = 0
    var vectors: UInt = 0
    var vectorCount: UInt = 1
    var control: UInt = 0
    var controlByteCount = UInt(MemoryLayout<(UInt, Int32, Int32, Int32, Int32)>.size)
    var flags: UInt = 0

    /// MSG_TRUNC or MSG_CTRUNC.
    static let isCut: UInt = 0x20 | 0x08
}
