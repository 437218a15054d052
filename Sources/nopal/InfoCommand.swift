import Analysis
import ArgumentParser
import Reading

struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Print the ledger: what a trace holds, and what it does not.",
        discussion: """
            Entries are exits, unwound and open calls together. Unwound calls ended by an exception, a \
            longjmp or the end of their thread; open calls were running when the recording ended. Lost \
            events are counted exactly.

              nopal info prog.trace
              nopal info --threads              with the account of every thread
              nopal info --json --by-function   the account of every function in every thread

            \(exitCodeHelp)
            """)

    @OptionGroup var trace: TraceArgument

    @Flag(help: "Also each thread's account.")
    var threads = false

    @Flag(help: "Also each function's account in each thread.")
    var byFunction = false

    @Flag(help: "Print JSON; durations are nanoseconds.")
    var json = false

    func run() throws {
        let opened = try trace.open()
        let progress = Progress("reading \(opened.path)")
        let account = Account(opened)
        progress.end()
        if json {
            printText(InfoJSON(trace: opened, account: account).value(threads: threads, byFunction: byFunction).text)
        } else {
            printText(InfoText(trace: opened, account: account).text(threads: threads, byFunction: byFunction))
        }
        try reportFaults(opened)
    }
}
