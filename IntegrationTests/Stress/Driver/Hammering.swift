import Control
import Glibc
import Globs
import Patching
import Programs
import TraceFormat

/// One run of the hammer below a session, and what is done to it on the session's own thread.
final class Hammering {
    let folder: String
    let variant: String
    let arguments: [String]
    /// Traces and the oracle's file go here.
    let place: String
    private var body: ((Session, TracedProcess, Oracle) -> Void)?
    private(set) var oracle: Oracle?

    init(folder: String, variant: String, place: String, arguments: [String]) {
        self.folder = folder
        self.variant = variant
        self.place = place
        self.arguments = arguments
    }

    var tracePath: String { place + "/hammer.trace" }
    var oraclePath: String { place + "/oracle" }

    /// Runs it to its end.
    ///
    /// - Parameter body: what is done once every thread runs; then the hammer is told to stop.
    func run(
        whenFull: WhenFull, limitSeconds: Int, body: @escaping (Session, TracedProcess, Oracle) -> Void
    ) throws -> SessionOutcome {
        unlink(oraclePath)
        unlink(tracePath)
        let program = "\(folder)/\(variant)"
        let target = try Self.target(variant)
        var options = SessionOptions(
            subject: .program(
                executable: program,
                arguments: [program, oraclePath, "\(limitSeconds)"] + arguments + ["--state", "on"]),
            outputPath: tracePath, selection: Selection(filter: FunctionFilter()), filterTexts: [],
            bufferByteCount: 64 << 20, whenFull: whenFull,
            agentPath: try target.map { try AgentLocation.find(name: $0.agentName) } ?? AgentLocation.find())
        options.target = target
        let session = try Session(options)
        self.body = body
        session.eachTurn = { [self] session in turn(session) }
        return try session.run()
    }

    /// What programs of a variant run on; nil for this machine.
    static func target(_ variant: String) throws(ControlError) -> Target? {
        switch variant {
        case "aarch64": try Target(name: "qemu-aarch64", sysroot: nil)
        case "arm", "thumb": try Target(name: "qemu-arm", sysroot: nil)
        default: nil
        }
    }

    private func turn(_ session: Session) {
        guard let body else { return }
        guard let oracle = oracle ?? Oracle(path: oraclePath) else { return }
        self.oracle = oracle
        guard let process = session.process(oracle.process), process.isReady else { return }
        self.body = nil
        body(session, process, oracle)
        oracle.stop()
    }
}

/// Whether a process is there and is no zombie.
func isRunning(_ process: Int32) -> Bool {
    guard let file = fopen("/proc/\(process)/stat", "r") else { return false }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 512)
    guard fgets(&line, 512, file) != nil else { return false }
    let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return !(text.split(separator: ")").last?.hasPrefix(" Z") ?? true)
}
