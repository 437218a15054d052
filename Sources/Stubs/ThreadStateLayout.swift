/// Where the fields that stubs use lie, relative to the thread pointer.
///
/// The field offsets mirror `struct nopal_thread` of the agent.
public struct ThreadStateLayout: Equatable, Sendable {
    /// The thread state's offset from the thread pointer, bytes; the agent tells it.
    public var base: Int32

    public init(base: Int32) { self.base = base }

    var cursor: Int32 { base }
    var limit: Int32 { base + 8 }
    var epoch: Int32 { base + 16 }
    var shadowTop: Int32 { base + 24 }
    var depthLimit: Int32 { base + 32 }
}

/// Where the fields of a shadow stack's entry lie (`struct nopal_entry`), bytes.
enum ShadowEntry {
    static let returnAddress: Int32 = 0
    static let saved: Int32 = 8
    static let negatedSlot: Int32 = 16
    static let exitWord: Int32 = 24
    static let byteCount: Int8 = 32
}
