import SwiftProtobuf
import Testing

@testable import Exporting

@Suite struct PerfettoPacketTests {
    private static let numbers: [UInt64] = [0, 1, 127, 128, 16383, 16384, 1 << 35, UInt64.max]

    /// Every combination of field widths: the bytes that are written by hand are those that
    /// swift-protobuf writes for the same packet.
    @Test(arguments: [
        Perfetto_Protos_TrackEvent.TypeEnum.sliceBegin, .sliceEnd, .instant,
    ])
    func equalsTheMessage(type: Perfetto_Protos_TrackEvent.TypeEnum) throws {
        var packets: [PerfettoPacket] = []
        for delta in Self.numbers {
            for name in Self.numbers {
                for track in Self.numbers {
                    for (sequence, category) in [(1, 0), (127, 3), (128, 200), (UInt32.max, UInt64.max)] {
                        packets.append(
                            PerfettoPacket(
                                type: type, deltaNanos: delta, sequence: sequence, category: category,
                                name: name, track: track))
                    }
                }
            }
        }
        let bytes = try written { buffer in
            for packet in packets { packet.put(into: buffer) }
        }
        let expected: [UInt8] = try Perfetto_Protos_Trace.with {
            $0.packet = packets.map(\.message)
        }.serializedBytes()
        #expect(bytes == expected)
    }
}
