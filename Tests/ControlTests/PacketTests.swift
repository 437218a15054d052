import Glibc
import Testing
import TraceFormat

@testable import Control

@Suite struct PacketTests {
    static let kinds: [AgentMessage.Kind] = [
        .hello, .module, .modules, .moduleGone, .done, .complaint, .session, .refuse, .arm, .armed,
        .helper, .mapped, .ran, .released, .detached, .run, .release, .detach, .dismiss, .request, .reply,
    ]

    @Test(arguments: kinds) func roundTrip(kind: AgentMessage.Kind) throws {
        for text in [[], [0], Array("a path".utf8), Array(repeating: 255, count: AgentMessage.maximumTextByteCount)] {
            for fields in [[], [1, .max], Array(UInt64(1)...7)] as [[UInt64]] {
                let sent = Packet(kind, fields, text: text)
                let got = try Packet(bytes: sent.bytes)
                #expect(got.kind == kind && got.text == text)
                #expect(got.fields == fields + Array(repeating: 0, count: 7 - fields.count))
                #expect(sent.bytes.count == AgentMessage.headByteCount + text.count)
            }
        }
    }

    @Test func everyTruncationIsAnError() {
        let bytes = Packet(.hello, [1, 2, 3]).bytes
        for count in 0..<bytes.count {
            #expect(throws: ControlError.self) { try Packet(bytes: Array(bytes[..<count])) }
        }
        #expect((try? Packet(bytes: bytes)) != nil)
    }

    @Test func unknownKinds() {
        let known = Set(Self.kinds.map(\.rawValue))
        for raw in Array(UInt64(0)...64) + [.max, 1 << 32, 1 << 63] where !known.contains(raw) {
            var writer = ByteWriter()
            writer.fixed(raw)
            let bytes = writer.bytes + Array(repeating: 0, count: 56)
            #expect(throws: ControlError.badMessage("kind \(raw)")) { try Packet(bytes: bytes) }
        }
    }

    /// Through a real socket, with boundaries kept, and a descriptor beside one of them.
    @Test func connection() throws {
        var ends: [Int32] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
        let (host, agent) = (Connection(socket: ends[0]), Connection(socket: ends[1]))
        #expect(host.send(Packet(.session, [7], text: [1, 2])))
        #expect(host.send(Packet(.arm, [8]), descriptor: ends[0]))
        let first = try #require(try agent.receive())
        #expect(first.kind == .session && first.fields[0] == 7 && first.text == [1, 2])
        #expect(try agent.receive()?.kind == .arm)
        shutdown(ends[0], Int32(SHUT_RDWR))
        #expect(try agent.receive() == nil)
        #expect(!agent.send(Packet(.done)))
    }
}
