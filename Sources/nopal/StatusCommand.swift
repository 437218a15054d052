import ArgumentParser
import Control
import TraceFormat

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Say how the sites of a running program stand.",
        discussion: """
            What is armed, on and off is read from the program's memory. The longest stall is the longest time that \
            a thread of it stood still because of Nopal since it came into the session: stopped by ptrace, or held up by a \
            core sync.

            Examples:
              nopal status 1234
              nopal status 1234 --json | jq .on
            """)

    @Argument(help: "The process.") var pid: Int32
    @Flag(help: "Print one JSON object.") var json = false

    func run() throws {
        let status = try Live.ask(ControlClient.Request(verb: .status, process: pid), for: LiveStatus.self)
        if json { return try JSONOutput.write(status) }
        print(
            """
            process \(status.pid): \(status.executable), \(status.threads) threads, recorded to \(status.output)
              \(status.sites)  sites
              \(status.armed)  armed
              \(status.on)  on
              \(status.off)  off
              \(status.original)  not armed
            """)
        if status.foreign > 0 { print("  \(status.foreign)  with bytes that are neither Nopal's nor the file's") }
        print("  longest stall \(Live.milliseconds(status.longestStallNanos))")
    }
}

struct DetachCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "detach",
        abstract: "Stop tracing a running program and put its code back as it was.",
        discussion: """
            Every site gets its original bytes again, and the code is read once more to see that it is the \
            file's. Calls that are open return safely; the memory of their stubs stays until the next \
            attach or detach finds it unused. The recording command ends when its last process is detached; a program that \
            'nopal record' started runs on.

            Examples:
              nopal detach 1234
            """)

    @Argument(help: "The process.") var pid: Int32
    @Flag(help: "Print one JSON object.") var json = false

    func run() throws {
        let outcome = try Live.ask(ControlClient.Request(verb: .detach, process: pid), for: DetachOutcome.self)
        if json {
            try JSONOutput.write(outcome)
        } else {
            print(
                "\(outcome.restored) sites restored in \(Live.milliseconds(outcome.elapsedNanos)), threads stopped for at most "
                    + Live.milliseconds(outcome.stoppedNanos))
            if outcome.arenasLeft > 0 { print("  the stubs of open calls stay: \(outcome.arenasLeft) arenas") }
        }
        for note in outcome.notes { Failure.remark(note) }
    }
}
