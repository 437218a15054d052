import CSupport
import Glibc
import TraceFormat

/// One packet between agent and host (see `AgentMessage`).
struct Packet {
    var kind: AgentMessage.Kind
    /// `a` to `g`.
    var fields: [UInt64]
    var text: [UInt8]

    init(_ kind: AgentMessage.Kind, _ fields: [UInt64] = [], text: [UInt8] = []) {
        self.kind = kind
        self.fields = fields + Array(repeating: 0, count: max(0, 7 - fields.count))
        self.text = text
    }

    /// Throws: `.badMessage` for anything that no agent sends.
    init(bytes: [UInt8]) throws(ControlError) {
        do {
            var reader = ByteReader(bytes)
            let raw = try reader.fixed(UInt64.self)
            guard let kind = AgentMessage.Kind(rawValue: raw) else { throw ControlError.badMessage("kind \(raw)") }
            self.kind = kind
            fields = []
            for _ in 0..<7 { fields.append(try reader.fixed(UInt64.self)) }
            text = Array(bytes[AgentMessage.headByteCount...])
        } catch let error as ControlError {
            throw error
        } catch {
            throw .badMessage("\(bytes.count) bytes")
        }
    }

    var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.fixed(kind.rawValue)
        for field in fields { writer.fixed(field) }
        return writer.bytes + text
    }
}

/// A private directory with the socket that agents connect to; removed when the session ends.
final class SessionSocket {
    let path: String
    let listener: Int32
    private let directory: String

    init() throws(ControlError) {
        let parent = unsafe getenv("XDG_RUNTIME_DIR").map { unsafe String(cString: $0) } ?? "/tmp"
        directory = try SessionSocket.makeDirectory(in: parent)
        path = directory + "/session"
        listener = try ControlError.check(nopal_listen(path), "cannot listen at \(path)")
    }

    private static func makeDirectory(in parent: String) throws(ControlError) -> String {
        for place in [parent, "/tmp"] {
            var template = Array("\(place)/nopal-XXXXXX".utf8CString)
            // A socket's path has at most 107 bytes.
            guard template.count < 96 else { continue }
            let made = unsafe template.withUnsafeMutableBufferPointer { buffer -> String? in
                guard let start = buffer.baseAddress, let at = unsafe mkdtemp(start) else { return nil }
                return unsafe String(cString: at)
            }
            if let made { return made }
        }
        throw .system(what: "cannot make a private directory in \(parent) or /tmp", errno: errno)
    }

    func remove() {
        close(listener)
        unlink(path)
        rmdir(directory)
    }

    /// The next connection of the same user; nil when there is none now.
    func accept() -> Connection? {
        let socket = nopal_accept(listener)
        guard socket >= 0 else { return nil }
        guard nopal_peer_user(socket) == Int64(geteuid()) else {
            close(socket)
            return nil
        }
        return Connection(socket: socket)
    }
}

/// The connection of one process.
final class Connection {
    let socket: Int32

    init(socket: Int32) { self.socket = socket }

    deinit { close(socket) }

    /// The next packet; nil at the end.
    func receive() throws(ControlError) -> Packet? {
        var buffer = [UInt8](repeating: 0, count: AgentMessage.maximumByteCount + 1)
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe recv(socket, $0.baseAddress, $0.count, 0) }
        if count <= 0 { return nil }
        return try Packet(bytes: Array(buffer[..<count]))
    }

    /// Returns false when the process is gone.
    @discardableResult
    func send(_ packet: Packet, descriptor: Int32 = -1) -> Bool {
        let bytes = packet.bytes
        return unsafe bytes.withUnsafeBytes {
            unsafe nopal_send_packet(socket, $0.baseAddress, $0.count, descriptor) == bytes.count
        }
    }
}
