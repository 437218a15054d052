import ArgumentParser
import Control
import Globs
import TraceFormat

/// What `record` and `attach` have in common: what is recorded, and where to.
struct RecordingArguments: ParsableArguments {
    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: ArgumentHelp("Where to write the trace.", valueName: "file"), completion: .file())
    var output = "nopal.trace"

    @Option(
        name: [.customShort("F"), .customLong("filter")],
        help: ArgumentHelp("Trace only functions that match.", valueName: "glob"))
    var only: [String] = []

    @Option(
        name: [.customShort("N"), .customLong("notrace")],
        help: ArgumentHelp("Do not trace functions that match.", valueName: "glob"))
    var never: [String] = []

    @Option(
        name: [.customShort("D"), .customLong("depth")],
        help: ArgumentHelp("Record calls up to this depth only; the outermost has depth 1.", valueName: "depth"))
    var depth: Int?

    @Option(help: ArgumentHelp("Memory for events that are not written out yet: 512K, 64M, 1G.", valueName: "size"))
    var buffer = ByteSize(byteCount: 64 << 20)

    @Option(help: "What a thread does when no room is left: wait, drop or overwrite.")
    var whenFull = WhenFull.wait

    @Flag(help: "Record entries only: half the events, no durations.")
    var noExits = false

    func validate() throws {
        if let depth, depth < 1 { throw ValidationError("-D \(depth): the depth begins at 1") }
        if buffer.byteCount < 256 << 10 { throw ValidationError("--buffer: at least 256K are needed") }
        if buffer.byteCount > 1 << 40 { throw ValidationError("--buffer: more than 1024G cannot be had") }
    }

    func options(_ subject: SessionOptions.Subject, target: Target? = nil) throws -> SessionOptions {
        let texts =
            only.flatMap { ["-F", $0] } + never.flatMap { ["-N", $0] } + (depth.map { ["-D", "\($0)"] } ?? [])
        var options = SessionOptions(
            subject: subject, outputPath: output,
            selection: Selection(
                filter: FunctionFilter(only: only, never: never), recordsExits: !noExits, depthLimit: depth),
            filterTexts: texts, bufferByteCount: buffer.byteCount, whenFull: whenFull,
            agentPath: try target.map { try AgentLocation.find(name: $0.agentName) } ?? AgentLocation.find())
        options.target = target
        return options
    }

    /// What a session that has ended has to say.
    static func say(_ outcome: SessionOutcome) {
        for note in outcome.notes { Failure.remark(note) }
        if outcome.lostEvents > 0 {
            Failure.remark(
                "\(outcome.lostEvents) events are lost; --buffer gives more room, --when-full wait loses none")
        }
    }
}
