import ArgumentParser
import Control
import TraceFormat

/// What `record` and `attach` have in common: what is recorded, and where to.
struct RecordingArguments: ParsableArguments {
    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: ArgumentHelp("Where to write the trace.", valueName: "file"), completion: .file())
    var output = "nopal.trace"

    @OptionGroup var functions: SelectionArguments

    @Option(help: ArgumentHelp("Memory for events that are not written out yet: 512K, 64M, 1G.", valueName: "size"))
    var buffer = ByteSize(byteCount: 64 << 20)

    @Option(help: "What a thread does when no room is left: wait, drop or overwrite.")
    var whenFull = WhenFull.wait

    func validate() throws {
        if buffer.byteCount < 256 << 10 { throw ValidationError("--buffer: at least 256K are needed") }
        if buffer.byteCount > 1 << 40 { throw ValidationError("--buffer: more than 1024G cannot be had") }
    }

    func options(_ subject: SessionOptions.Subject, target: Target? = nil) throws -> SessionOptions {
        var options = SessionOptions(
            subject: subject, outputPath: output,
            selection: functions.selection, filterTexts: functions.texts, bufferByteCount: buffer.byteCount,
            whenFull: whenFull,
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
