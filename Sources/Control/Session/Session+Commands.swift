import Demangling
import FoundationEssentials
import Glibc
import Globs
import Patching
import TraceFormat

/// Answering commands: one request a connection, one reply.
extension Session {
    func serveRequests() {
        while !requests.isEmpty {
            let (connection, packet) = requests.removeFirst()
            answer(connection, packet)
        }
    }

    private func answer(_ connection: Connection, _ packet: Packet) {
        guard connection.peerUser == Int64(geteuid()) else { return }
        guard let process = Int32(exactly: packet.fields[1]).flatMap(process) else {
            connection.send(Packet(.reply, [Reply.notMine]))
            return
        }
        do {
            let bytes = try self.bytes(answering: packet, process)
            let file = try MemoryFile.make("nopal-reply", bytes: [bytes])
            defer { close(file) }
            connection.send(Packet(.reply, [0]), descriptor: file)
        } catch {
            connection.send(
                Packet(.reply, [Reply.failed], text: Array("\(error)".utf8.prefix(AgentMessage.maximumTextByteCount))))
        }
    }

    private func bytes(answering packet: Packet, _ process: TracedProcess) throws -> [UInt8] {
        let encoder = JSONEncoder()
        switch Verb(rawValue: packet.fields[0]) {
        case .enable: return Array(try encoder.encode(try switchSites(process, to: .on, "enable", packet)))
        case .disable: return Array(try encoder.encode(try switchSites(process, to: .off, "disable", packet)))
        case .status: return Array(try encoder.encode(try status(process)))
        case .detach: return Array(try encoder.encode(try detach(process)))
        case nil: throw ControlError.badMessage("verb \(packet.fields[0])")
        }
    }

    private func switchSites(
        _ process: TracedProcess, to form: SiteForm, _ verb: String, _ packet: Packet
    ) throws -> LiveOutcome {
        let protocols: [PatchProtocol] = [.singleStore, .breakpoint, .stopped]
        let place = packet.fields[2]
        guard place <= UInt64(protocols.count) else { throw ControlError.badMessage("protocol \(place)") }
        let options = LiveOptions(
            wanted: place == 0 ? nil : protocols[Int(place) - 1], isStrict: packet.fields[3] != 0)
        let globs = packet.text.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        guard !globs.isEmpty else { throw ControlError.badMessage("no pattern") }
        let filter = FunctionFilter(only: globs)
        return try control(process, options).change(to: form, verb: verb, arms: form == .on) {
            filter.selects(linkageName: $0.function.name, demangle: demangled)
        }
    }

    func status(_ process: TracedProcess) throws(LiveError) -> LiveStatus {
        var status = LiveStatus(pid: Int32(bitPattern: process.process))
        status.executable = ProcessNames.executable(process.process)
        status.output = options.outputPath
        status.longestStallNanos = process.longestStallNanos
        status.threads =
            ThreadStatus.tasks(status.pid).count - (options.target == nil ? 0 : Int(EmulatedProcess.ownThreadCount))
        status.hasHelper = process.helper != nil
        let live = try LiveSites(memory: process.memory(), maps: process.maps())
        for module in process.modules where module.traced != nil {
            for state in live.states(of: module.image, bias: module.bias) ?? [] {
                status.add(process.form(of: state))
            }
        }
        return status
    }
}

/// The first field of a reply.
enum Reply {
    static let done: UInt64 = 0
    static let failed: UInt64 = 1
    /// The process belongs to another session, or none.
    static let notMine: UInt64 = 2
}
