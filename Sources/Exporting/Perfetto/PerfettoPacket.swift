/// A packet with one track event, which is what nearly all packets of a trace are.
///
/// Encoding such a packet through the generated messages takes 1.8 us, this 8 ns (see
/// docs/decisions/0010-perfetto-hot-packets.md), so these few fields are written here. `message`
/// is the same packet as a generated message, and tests compare the two byte for byte.
struct PerfettoPacket: Equatable {
    var type: Perfetto_Protos_TrackEvent.TypeEnum
    /// Since the packet before, in the sequence's incremental clock.
    var deltaNanos: UInt64
    /// `trusted_packet_sequence_id`.
    var sequence: UInt32
    /// The interned category; 0 for none.
    var category: UInt64
    /// The interned name; 0 for none.
    var name: UInt64
    /// The track; 0 for the sequence's default.
    var track: UInt64

    /// At most 11 bytes for each of the six fields, and 6 for the rest.
    private static let longestByteCount = 6 * 11 + 6

    private enum Tag {
        static let packet: UInt8 = 1 << 3 | 2
        static let timestamp: UInt8 = 8 << 3
        static let sequence: UInt8 = 10 << 3
        static let trackEvent: UInt8 = 11 << 3 | 2
        static let sequenceFlags: UInt8 = 13 << 3
        static let categories: UInt8 = 3 << 3
        static let type: UInt8 = 9 << 3
        static let name: UInt8 = 10 << 3
        static let track: UInt8 = 11 << 3
    }

    private static let needsIncrementalState: UInt8 = 2

    var message: Perfetto_Protos_TracePacket {
        .with {
            $0.timestamp = deltaNanos
            $0.trustedPacketSequenceID = sequence
            $0.sequenceFlags = UInt32(Self.needsIncrementalState)
            $0.trackEvent.type = type
            if category != 0 { $0.trackEvent.categoryIids = [category] }
            if name != 0 { $0.trackEvent.nameIid = name }
            if track != 0 { $0.trackEvent.trackUuid = track }
        }
    }

    /// Writes the packet as one more element of the `Trace` message.
    ///
    /// Shape: 0a len { 08 timestamp, 10 sequence, 11 event { 3 category, 9 type, 10 name,
    /// 11 track }, 13 flags }, fields in the order of their numbers. Both lengths are below
    /// 128, so each is one byte.
    @inline(__always)
    func put(into output: OutputBuffer) {
        output.putReserved(Self.longestByteCount) { place in
            var end = 2
            place[0] = Tag.packet
            Self.append(Tag.timestamp, deltaNanos, at: place, &end)
            Self.append(Tag.sequence, UInt64(sequence), at: place, &end)
            place[end] = Tag.trackEvent
            let eventLength = end + 1
            end += 2
            if category != 0 { Self.append(Tag.categories, category, at: place, &end) }
            place[end] = Tag.type
            place[end + 1] = UInt8(truncatingIfNeeded: type.rawValue)
            end += 2
            if name != 0 { Self.append(Tag.name, name, at: place, &end) }
            if track != 0 { Self.append(Tag.track, track, at: place, &end) }
            place[eventLength] = UInt8(truncatingIfNeeded: end - eventLength - 1)
            place[end] = Tag.sequenceFlags
            place[end + 1] = Self.needsIncrementalState
            end += 2
            place[1] = UInt8(truncatingIfNeeded: end - 2)
            return end
        }
    }

    /// Appends a tag and a base-128 varint.
    @inline(__always)
    private static func append(
        _ tag: UInt8, _ value: UInt64, at place: UnsafeMutablePointer<UInt8>, _ end: inout Int
    ) {
        place[end] = tag
        end += 1
        var rest = value
        while rest >= 0x80 {
            place[end] = UInt8(truncatingIfNeeded: rest) | 0x80
            rest >>= 7
            end += 1
        }
        place[end] = UInt8(truncatingIfNeeded: rest)
        end += 1
    }
}
