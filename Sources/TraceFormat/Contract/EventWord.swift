/// What one event word says.
///
/// The raw values stand in the top four bits of a word; they are part of the trace format.
public enum EventKind: UInt32, Sendable {
    /// A traced function was entered; its exit, or `unwound`, follows.
    case entry = 1
    /// A traced function returned (or left by a tail call).
    case exit = 2
    /// A call ended without returning: an exception, `longjmp`, or the end of its thread.
    case unwound = 3
    /// A function was entered whose end is not traced.
    case entryOnly = 4
    /// The upper half of the clock: the payload is the epoch of the words that follow.
    case clock = 5
    /// Nothing: the end of a call that began in an earlier session of the process.
    case void = 6
}

/// One event: 8 bytes, the contract of stubs, agent and readers.
///
/// Shape:  bits 0..31 the low half of the tick; bits 32..59 the payload; bits 60..63 the kind.
/// A word of zero was reserved and never written: readers pass over it.
/// Payload: a function's id (1...) or, in a clock word, the epoch: bits 32..59 of the tick.
public struct EventWord: Equatable, Sendable {
    public var raw: UInt64

    public init(raw: UInt64) { self.raw = raw }

    public init(kind: EventKind, payload: UInt32, tickLow: UInt32) {
        raw = UInt64(EventWord.upperHalf(kind: kind, payload: payload)) << 32 | UInt64(tickLow)
    }

    public static let payloadBits: UInt32 = 28
    public static let payloadMask: UInt32 = (1 << 28) &- 1
    public static let byteCount = 8

    /// The upper 32 bits of a word: what a stub stores as an immediate.
    public static func upperHalf(kind: EventKind, payload: UInt32) -> UInt32 {
        kind.rawValue << payloadBits | payload & payloadMask
    }

    public var tickLow: UInt32 { UInt32(truncatingIfNeeded: raw) }
    public var upper: UInt32 { UInt32(truncatingIfNeeded: raw >> 32) }
    public var payload: UInt32 { upper & EventWord.payloadMask }
    public var kindBits: UInt32 { upper >> EventWord.payloadBits }
    /// Nil for a word that was never written, or one of a kind this version does not know.
    public var kind: EventKind? { EventKind(rawValue: kindBits) }
}
