import ArgumentParser
import Control
import Glibc
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

    @OptionGroup var recording: RecordingArguments

    @Flag(help: "Arm the functions and leave them off, for 'nopal enable'.")
    var off = false

    @OptionGroup var live: LiveArguments

    func validate() throws {
        if pid < 1 { throw ValidationError("\(pid) is no process id") }
    }

    func run() throws {
        let outcome: SessionOutcome
        do {
            outcome = try Session(try options()).run(attached: report)
        } catch {
            throw Failure.say("\(error)", status: Live.status(of: error))
        }
        RecordingArguments.say(outcome)
        _exit(outcome.isIncomplete ? Failure.own : 0)
    }

    private func options() throws -> SessionOptions {
        var options = try recording.options(.process(pid))
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
