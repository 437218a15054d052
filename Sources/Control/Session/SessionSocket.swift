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
        guard bytes.count <= AgentMessage.maximumByteCount else {
            throw .badMessage("more than \(AgentMessage.maximumByteCount) bytes")
        }
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
    private var noted: Set<UInt32> = []
    /// Whoever may connect: this user, and the one whose process was attached to.
    private var users: Set<Int64> = [Int64(geteuid())]

    /// Where directories of sessions lie.
    static var parents: [String] {
        let own = unsafe getenv("XDG_RUNTIME_DIR").map { unsafe String(cString: $0) }
        return own.map { $0 == "/tmp" ? [$0] : [$0, "/tmp"] } ?? ["/tmp"]
    }

    init() throws(ControlError) {
        directory = try SessionSocket.makeDirectory(in: Self.parents[0])
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

    /// Lets the agent of another user's process connect; only root attaches to those.
    func admit(userOf process: pid_t) throws(LiveError) {
        var status = stat()
        guard unsafe stat("/proc/\(process)", &status) == 0 else { throw .noSuchProcess(process) }
        guard users.insert(Int64(status.st_uid)).inserted else { return }
        guard chown(directory, status.st_uid, status.st_gid) == 0, chown(path, status.st_uid, status.st_gid) == 0 else {
            throw .startFailed(process, what: "its user can't be given the way to \(path)")
        }
    }

    /// Commands find the session of a process by a file of its number beside the socket: nobody has to be
    /// asked who is busy with another process.
    func note(_ process: UInt32) {
        let file = open("\(directory)/\(process)", O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
        if file >= 0 { close(file) }
        noted.insert(process)
    }

    func forget(_ process: UInt32) {
        unlink("\(directory)/\(process)")
        noted.remove(process)
    }

    func remove() {
        for process in noted { forget(process) }
        close(listener)
        unlink(path)
        rmdir(directory)
    }

    /// The next connection of the same user; nil when there is none now.
    func accept() -> Connection? {
        let socket = nopal_accept(listener)
        guard socket >= 0 else { return nil }
        guard users.contains(nopal_peer_user(socket)) else {
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

    /// Whether the kernel says that this process is at the other end.
    func isOf(_ process: UInt32) -> Bool { nopal_peer_process(socket) == Int64(process) }

    /// The user at the other end.
    var peerUser: Int64 { nopal_peer_user(socket) }

    /// The next packet and the descriptor that came along, -1 for none; nil at the end.
    func receiveWithDescriptor() throws(ControlError) -> (Packet, Int32)? {
        var buffer = [UInt8](repeating: 0, count: AgentMessage.maximumByteCount + 1)
        var descriptor: Int32 = -1
        let count = unsafe buffer.withUnsafeMutableBytes {
            unsafe nopal_receive_packet(socket, $0.baseAddress, $0.count, &descriptor)
        }
        if count <= 0 { return nil }
        return (try Packet(bytes: Array(buffer[..<count])), descriptor)
    }

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
