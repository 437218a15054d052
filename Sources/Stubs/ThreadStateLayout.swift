/// Where the fields that stubs use lie, relative to the thread pointer.
///
/// The field offsets mirror `struct nopal_thread` of the agent.
public struct ThreadStateLayout: Equatable, Sendable {
    /// The thread state's offset from the thread pointer, bytes; the agent tells it.
    public var base: Int32

    public init(base: Int32) { self.base = base }

    var cursor: Int32 { base }
    var epoch: Int32 { base + 8 }
    var shadowTop: Int32 { base + 16 }
    var depthLimit: Int32 { base + 24 }

    /// Offsets from the state's start, of what the host reads and resets in stopped threads.
    public enum Field {
        public static let byteCount = 152
        public static let cursor = 0
        public static let shadowTop = 16
        public static let depthLimit = 24
        public static let shadowBase = 32
        /// Block, its index, sequence, serial: 20 bytes.
        public static let block = 48
        public static let lost = 72
        /// 16 bytes.
        public static let lingering = 112
        public static let failedGeneration = 144
    }
}

/// Where the fields of a shadow stack's entry lie (`struct nopal_entry`), bytes.
public enum ShadowEntry {
    static let returnAddress: Int32 = 0
    static let saved: Int32 = 8
    public static let negatedSlot: Int32 = 16
    public static let exitWord: Int32 = 24
    public static let byteCount: Int8 = 32
}
