import Glibc
import Testing
import TraceFormat

@testable import Control

/// What a process may say first, and what makes the host refuse it.
@Suite struct HelloTests {
    private func process(_ hello: Packet) throws -> TracedProcess {
        var ends: [Int32] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
        close(ends[1])
        return try TracedProcess(connection: Connection(socket: ends[0]), hello: hello)
    }

    static func hello(
        version: UInt64 = AgentMessage.version, process: UInt64 = UInt64(getpid()), offset: Int64 = -192,
        origin: UInt64 = 1, textByteCount: Int = 112
    ) -> Packet {
        var text = ByteWriter()
        for value in [UInt64(9), origin, 3, 21, 22, 23, 24, 25, 26, 27, 0, 0, 28, 29] { text.fixed(value) }
        return Packet(
            .hello, [version, process, 12, UInt64(bitPattern: offset), 4, 5, 6],
            text: Array(text.bytes.prefix(textByteCount)))
    }

    @Test func accepted() throws {
        let process = try process(Self.hello())
        #expect(process.process == UInt32(getpid()) && process.parent == 12 && process.isFork)
    }

    @Test func refused() {
        let wrong = [
            Self.hello(version: AgentMessage.version + 1), Self.hello(version: 0), Self.hello(offset: 1 << 40),
            Self.hello(offset: .min), Self.hello(offset: Int64(Int32.max)),
            Self.hello(textByteCount: 0), Self.hello(textByteCount: 111), Self.hello(origin: 3), Self.hello(process: 1),
            Packet(.modules),
        ]
        for hello in wrong {
            #expect(throws: ControlError.self) { try process(hello) }
        }
    }
}
