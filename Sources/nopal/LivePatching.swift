import ArgumentParser
import Control
import Glibc
import Patching

/// `--protocol`, `--strict` and `--json`: what the commands share that change a running program.
struct LiveArguments: ParsableArguments {
    enum Choice: String, ExpressibleByArgument, CaseIterable {
        case auto
        case singleStore = "single-store"
        case breakpoint
        case stopped

        var patchProtocol: PatchProtocol? {
            switch self {
            case .auto: nil
            case .singleStore: .singleStore
            case .breakpoint: .breakpoint
            case .stopped: .stopped
            }
        }
    }

    @Option(
        name: .customLong("protocol"),
        help: "How code is changed under running threads: auto, single-store, breakpoint or stopped.")
    var patchProtocol = Choice.auto

    @Flag(help: "Only what the processor's manuals guarantee.")
    var strict = false

    @Flag(help: "Print one JSON object.")
    var json = false

    var options: LiveOptions { LiveOptions(wanted: patchProtocol.patchProtocol, isStrict: strict) }
}

/// Runs a request and ends the command with its sentence when that fails.
enum Live {
    static func ask<Answer: Codable>(_ request: ControlClient.Request, for type: Answer.Type) throws -> Answer {
        do { return try ControlClient.ask(request, for: type) } catch {
            throw Failure.say("\(error)", status: status(of: error))
        }
    }

    /// 127 for a process that does not exist, 126 for one that can't be traced, else 125.
    static func status(of error: any Error) -> Int32 {
        switch error as? LiveError {
        case .noSuchProcess, .ended: Failure.missing
        case .notPermitted, .tracedByAnother, .cannotLoad, .nothingToTrace, .notTraced, .alreadyTraced:
            Failure.untraceable
        default: Failure.own
        }
    }

    static func milliseconds(_ nanos: UInt64) -> String {
        let hundredths = (nanos + 5_000) / 10_000
        let fraction = hundredths % 100
        return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction) ms"
    }

    /// One line a plan: how many sites, by which protocol, how long.
    static func lines(_ plans: [LiveOutcome.PlanReport]) -> String {
        plans.reduce(into: "") { text, plan in
            let stop = plan.stoppedNanos > 0 ? ", all threads stopped for \(milliseconds(plan.stoppedNanos))" : ""
            text += "  \(plan.sites) by \(plan.protocol) in \(milliseconds(plan.executeNanos))\(stop)\n"
        }
    }

    static func lines(_ tallies: [LiveOutcome.Tally], _ what: String) -> String {
        tallies.reduce(into: "") { $0 += "  \($1.count) \(what): \($1.reason)\n" }
    }
}
