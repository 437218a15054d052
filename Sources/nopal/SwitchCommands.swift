import ArgumentParser
import Control
import TraceFormat

struct EnableCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enable",
        abstract: "Switch functions of a running program on.",
        discussion: """
            The program belongs to a session: it was started by 'nopal record', or attached to by \
            'nopal attach'. Functions that were not armed are armed first. A GLOB is tried on the linkage \
            name, on the demangled name, and on that without parameters.

            The cheapest sound protocol is taken, and named: one store where what a thread may fetch changes by \
            one naturally aligned store; else the threads are stopped for a moment. --protocol asks for another; one that is \
            not sound for a site is refused, with the reason.

            Examples:
              nopal enable 1234 'dict*'
              nopal enable 1234 --protocol stopped --json '*'
            """)

    @Argument(help: "The process.") var pid: Int32
    @Argument(help: "Functions; may be several.") var glob: [String]
    @OptionGroup var live: LiveArguments

    func run() throws { try Switching.run(.enable, pid, glob, live) }
}

struct DisableCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disable",
        abstract: "Switch functions of a running program off.",
        discussion: """
            They stay armed: their entry costs one instruction that does nothing, and switching them on again is one store. \
            Calls that are open still record their exit. 'nopal detach' takes all away.

            Examples:
              nopal disable 1234 'dict*'
              nopal disable 1234 '*'
            """)

    @Argument(help: "The process.") var pid: Int32
    @Argument(help: "Functions; may be several.") var glob: [String]
    @OptionGroup var live: LiveArguments

    func run() throws { try Switching.run(.disable, pid, glob, live) }
}

enum Switching {
    static func run(_ verb: Verb, _ pid: Int32, _ globs: [String], _ live: LiveArguments) throws {
        let request = ControlClient.Request(verb: verb, process: pid, globs: globs, options: live.options)
        let outcome = try Live.ask(request, for: LiveOutcome.self)
        if live.json {
            try JSONOutput.write(outcome)
        } else {
            print(text(outcome), terminator: "")
        }
        if outcome.matched == 0 {
            throw Failure.say(
                "no function of process \(pid) that can be traced matches; 'nopal sites --live \(pid)' lists them",
                status: Failure.own)
        }
        // A script must not take this for done.
        if !outcome.refused.isEmpty && outcome.changed == 0 { throw ExitCode(Failure.own) }
    }

    private static func text(_ outcome: LiveOutcome) -> String {
        let state = outcome.verb == "enable" ? "on" : "off"
        var text = "\(outcome.changed) sites switched \(state), \(outcome.already) were so already\n"
        text += Live.lines(outcome.plans)
        text += Live.lines(outcome.reasons, "by a dearer protocol")
        text += Live.lines(outcome.refused, "refused")
        return text
    }
}
