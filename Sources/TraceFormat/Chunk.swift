/// The trace file: a header, then chunks, appended only.
///
/// ```
/// file header   32 bytes: magic "NOPALTRC", version u32, flags u32, 16 bytes zero
/// chunk         32 bytes of header, then the payload, padded with zeros to 8 bytes
/// chunk header  magic u32 | type u32 | payload bytes u64 | XXH3-64 of the payload u64
///               | XXH3-64 of the 24 bytes before, u64
/// ```
/// Everything is little-endian. A reader stops at the first chunk that is torn or fails its
/// checksum; what stood before is good. Readers pass over chunk types that they do not know.
public enum TraceFile {
    /// "NOPALTRC" read as a little-endian integer.
    public static let magic: UInt64 = 0x4352_544c_4150_4f4e
    public static let version: UInt32 = 1
    public static let headerByteCount = 32
    public static let chunkMagic: UInt32 = 0x4b48_434e  // "NCHK"
    public static let chunkHeaderByteCount = 32
    /// No payload is longer than this; a greater length is a fault, not an allocation.
    public static let maximumPayloadByteCount = 256 << 20
}

public enum ChunkType: UInt32, Sendable {
    case session = 1
    case module = 2
    case process = 3
    case load = 4
    case thread = 5
    case events = 6
    case clockFit = 7
    case ledger = 8
    case end = 9
}

/// The fixed head of an `events` chunk's payload; the words follow it.
///
/// Shape: threadSerial u32 | sequence u32 | lostBefore u64 | order u64 | openCalls u32 | flags u32
public struct EventsHead: Equatable, Sendable {
    public static let byteCount = 32
    public var threadSerial: UInt32
    /// 0... within the thread; a gap means that blocks were lost or overwritten.
    public var sequence: UInt32
    /// Events of this thread that were lost just before this block.
    public var lostBefore: UInt64
    /// Grows with every block taken in the session.
    public var order: UInt64
    /// Calls that were open (on the shadow stack) when the block was taken.
    public var openCalls: UInt32
    /// Bit 0: the thread was ending (pthread_exit, cancellation) when the block was handed over:
    /// calls that are open after its last block did not return.
    public var flags: UInt32

    public var isThreadEnding: Bool { flags & 1 != 0 }

    public init(
        threadSerial: UInt32, sequence: UInt32, lostBefore: UInt64 = 0, order: UInt64 = 0,
        openCalls: UInt32 = 0, flags: UInt32 = 0
    ) {
        self.threadSerial = threadSerial
        self.sequence = sequence
        self.lostBefore = lostBefore
        self.order = order
        self.openCalls = openCalls
        self.flags = flags
    }
}
