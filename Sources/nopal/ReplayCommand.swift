import Analysis
import ArgumentParser
import Reading

struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Print the recorded calls in the order of time, as a function graph.",
        discussion: """
            Every line has the duration of the call that ends there, the thread, and the function. Calls that \
            make no other traced call stand on one line; others open a brace and close it.

              nopal replay                      the whole of nopal.trace
              nopal replay -F 'parse*' -D 3     parse... and two levels of what they call
              nopal replay -t 1ms               only calls that took a millisecond or longer
              nopal replay --tid 4711 --flat    one thread, one line an event, with times

            GLOBs match the demangled name, with or without its parameters; * is any text, ? one character.

            \(exitCodeHelp)
            """)

    @OptionGroup var trace: TraceArgument

    @Option(help: ArgumentHelp("Only the thread with this id.", valueName: "n"))
    var tid: UInt32?

    @OptionGroup var selection: SelectionOptions

    @Option(name: [.customShort("D"), .customLong("depth")], help: "How many levels of calls to show.")
    var depth: Int?

    @Option(
        name: [.customShort("t"), .customLong("time-filter")],
        help: ArgumentHelp("Only calls that took at least this: 500ns, 10us, 1.5ms, 2s.", valueName: "time"))
    var minimum = MinimumDuration(nanos: 0)

    @Flag(help: "One line for each event, with its time since the first.")
    var flat = false

    func validate() throws {
        if let depth, depth < 1 { throw ValidationError("-D wants a number from 1 on.") }
    }

    func run() throws {
        let opened = try trace.open()
        let options = ReplayOptions(
            selection: selection.selection(opened, depth: depth), minimumNanos: minimum.nanos, thread: tid,
            isFlat: flat)
        if let tid, !opened.threads.contains(where: { $0.thread == tid }) {
            complain("\(opened.path) has no thread \(tid); nopal info --threads lists them")
            throw ExitCode(1)
        }
        Replay.write(opened, options, to: standardOutput())
        try reportFaults(opened)
    }
}

/// A duration on the command line; a bare number is nanoseconds, as in uftrace.
struct MinimumDuration: ExpressibleByArgument {
    var nanos: UInt64

    init(nanos: UInt64) { self.nanos = nanos }

    init?(argument: String) {
        let number = argument.prefix { $0.isNumber || $0 == "." }
        let scales = ["": 1.0, "ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9, "sec": 1e9, "m": 60e9, "min": 60e9]
        guard let value = Double(number), let scale = scales[String(argument.dropFirst(number.count))],
            value * scale < 1e18
        else { return nil }
        nanos = UInt64(value * scale)
    }

    var defaultValueDescription: String { "0" }
}
