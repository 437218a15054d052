import ArgumentParser
import Control
import Reading

struct CollectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "collect",
        abstract: "Make a trace of the events that a program has written by a plan.",
        discussion: """
            Reads the plan that 'nopal prepare' has made and the events' file of one process, and writes a trace as \
            'nopal record' does. Neither file is changed, so it may be done while the process runs, for what is there so far.

              nopal collect prog.plan nopal.1234.events -o prog.trace
              nopal report prog.trace
            """)

    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: ArgumentHelp("Where to write the trace.", valueName: "file"), completion: .file())
    var output = "nopal.trace"

    @Argument(help: ArgumentHelp("The plan that the program was started with.", valueName: "plan"), completion: .file())
    var plan: String

    @Argument(help: ArgumentHelp("The file that it has left.", valueName: "events"), completion: .file())
    var events: String

    func run() throws {
        do {
            let collection = try Collection(plan: plan, events: events, output: output)
            for note in collection.notes { Failure.remark(note) }
            if collection.lostEvents > 0 {
                Failure.remark(
                    "\(collection.lostEvents) events are lost; 'nopal prepare --buffer' gives more room")
            }
        } catch {
            throw Failure.say("\(error)", status: Failure.own)
        }
    }
}
