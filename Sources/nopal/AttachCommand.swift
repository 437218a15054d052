import ArgumentParser
import Control
import Glibc
import Globs
import TraceFormat

struct AttachCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attach",
        abstract: "Record a program that is running already, until detached.",
        discussion: """
            The program need not know of Nopal, but has to be compiled with room for tracing (see 'nopal cflags'). \
            The agent is loaded into it while it runs; its threads are stopped for some milliseconds at most. It \
            records until 'nopal detach PID', until it is interrupted, or until the program ends; \
            'nopal enable', 'disable' and 'status' work meanwhile.

            It needs the right to trace the process (ptrace): the same user with kernel.yama.ptrace_scope 0, or root.

            The exit status is 0, or 125 when nopal fails, 126 when the process can't be traced, 127 when there is none.

            Examples:
              nopal attach 1234
              nopal attach 1234 -F 'parse_*' -o parse.trace
              nopal attach 1234 --off & nopal enable 1234 'dict*'
            """)

    @Argument(help: "The process.") var pid: Int32

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

    @Flag(help: "Arm the functions and leave them off, for 'nopal enable'.")
    var off = false

    @OptionGroup var live: LiveArguments

    func validate() throws {
        if pid < 1 { throw ValidationError("\(pid) is no process id") }
        if let depth, depth < 1 { throw ValidationError("-D \(depth): the depth begins at 1") }
        if buffer.byteCount < 256 << 10 { throw ValidationError("--buffer: at least 256K are needed") }
        if buffer.byteCount > 1 << 40 { throw ValidationError("--buffer: more than 1024G cannot be had") }
    }

    func run() throws {
        let outcome: SessionOutcome
        do {
            outcome = try Session(try options()).run(attached: report)
        } catch {
            throw Failure.say("\(error)", status: Live.status(of: error))
        }
        for note in outcome.notes { Failure.remark(note) }
        if outcome.lostEvents > 0 {
            Failure.remark(
                "\(outcome.lostEvents) events are lost; --buffer gives more room, --when-full wait loses none")
        }
        _exit(outcome.isIncomplete ? Failure.own : 0)
    }

    private func options() throws -> SessionOptions {
        var options = SessionOptions(
            subject: .process(pid), outputPath: output,
            selection: Selection(
                filter: FunctionFilter(only: only, never: never), recordsExits: !noExits, depthLimit: depth),
            filterTexts: filterTexts(only: only, never: never, depth: depth), bufferByteCount: buffer.byteCount,
            whenFull: whenFull, agentPath: try AgentLocation.find())
        options.live = live.options
        options.startsOff = off
        return options
    }

    private func report(_ outcome: AttachOutcome) {
        Failure.remark(
            "attached to \(pid): \(outcome.on) sites on, \(outcome.off) off, in \(Live.milliseconds(outcome.elapsedNanos)), "
                + "its threads stopped for at most \(Live.milliseconds(outcome.stoppedNanos)); end with 'nopal detach \(pid)' or Ctrl-C"
        )
        for tally in outcome.refused { Failure.remark("\(tally.count) sites are not armed: \(tally.reason)") }
        guard live.json else { return }
        try? JSONOutput.write(outcome)
        fflush(nil)
    }
}

/// The options that choose functions, as the trace keeps them.
func filterTexts(only: [String], never: [String], depth: Int?) -> [String] {
    only.flatMap { ["-F", $0] } + never.flatMap { ["-N", $0] } + (depth.map { ["-D", "\($0)"] } ?? [])
}
