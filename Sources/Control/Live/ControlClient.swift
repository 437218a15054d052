import CSupport
import FoundationEssentials
import Glibc
import Patching
import TraceFormat

/// A command's side of the control socket: finds the session of a process, asks, takes the answer.
public struct ControlClient {
    public struct Request {
        public var verb: Verb
        public var process: Int32
        public var globs: [String]
        public var options: LiveOptions

        public init(verb: Verb, process: Int32, globs: [String] = [], options: LiveOptions = LiveOptions()) {
            self.verb = verb
            self.process = process
            self.globs = globs
            self.options = options
        }
    }

    /// Asks the host of the session that a process belongs to.
    ///
    /// Throws: `.notTraced`, or the host's sentence.
    public static func ask<Answer: Decodable>(_ request: Request, for: Answer.Type) throws -> Answer {
        guard kill(request.process, 0) == 0 || errno == EPERM else { throw LiveError.noSuchProcess(request.process) }
        for path in sessions(of: request.process) {
            guard let answer = try ask(request, at: path) else { continue }
            return try JSONDecoder().decode(Answer.self, from: Data(answer))
        }
        throw LiveError.notTraced(request.process)
    }

    /// Whether a session that is alive holds a process.
    static func isTraced(_ process: Int32) -> Bool {
        sessions(of: process).contains { path in
            let socket = nopal_connect(path)
            if socket >= 0 { close(socket) }
            return socket >= 0
        }
    }

    /// The sockets of the sessions that say they hold a process; those of hosts that are gone do not answer.
    private static func sessions(of process: Int32) -> [String] {
        SessionSocket.parents.flatMap { parent -> [String] in
            guard let folder = unsafe opendir(parent) else { return [] }
            defer { unsafe closedir(folder) }
            var found: [String] = []
            while let entry = unsafe readdir(folder) {
                let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                    unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
                }
                if name.hasPrefix("nopal-"), access("\(parent)/\(name)/\(process)", F_OK) == 0 {
                    found.append("\(parent)/\(name)/session")
                }
            }
            return found
        }
    }

    /// Nil when the session is not the process's, or nobody answers there.
    private static func ask(_ request: Request, at path: String) throws -> [UInt8]? {
        let socket = nopal_connect(path)
        guard socket >= 0 else { return nil }
        let connection = Connection(socket: socket)
        guard connection.peerUser == Int64(geteuid()) else { return nil }
        let protocols: [PatchProtocol] = [.singleStore, .breakpoint, .stopped]
        let place = request.options.wanted.flatMap { protocols.firstIndex(of: $0) }.map { UInt64($0) + 1 } ?? 0
        var text: [UInt8] = []
        for glob in request.globs { text += Array(glob.utf8) + [0] }
        guard text.count <= AgentMessage.maximumTextByteCount else { throw ControlError.patternsTooLong }
        connection.send(
            Packet(
                .request,
                [request.verb.rawValue, UInt64(request.process), place, request.options.isStrict ? 1 : 0], text: text))
        guard let (packet, file) = try connection.receiveWithDescriptor() else { return nil }
        defer { if file >= 0 { close(file) } }
        guard packet.kind == .reply else { throw ControlError.badMessage("\(packet.kind)") }
        switch packet.fields[0] {
        case Reply.done: return MemoryFile.read(file)
        case Reply.notMine: return nil
        default: throw ControlError.refused(String(decoding: packet.text, as: UTF8.self))
        }
    }
}
