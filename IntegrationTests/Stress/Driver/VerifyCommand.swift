import ArgumentParser

/// Holds a trace that was made elsewhere against the account of the hammer that ran there.
struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Hold a trace against the account of the hammer that it is of.",
        discussion: "Ends with 'N passed, N failed'.")

    @Argument(help: "What the hammer is called in the result.") var name: String
    @Argument(help: "The trace, of all of its threads and children.") var trace: String
    @Argument(help: "The oracle's file that it has left.") var oracle: String

    func run() throws {
        var problems: [String]
        var text = ""
        if let oracle = Oracle(path: oracle) {
            let verdict = try Verdict(tracePath: trace, oracle: oracle)
            problems = verdict.problems
            if verdict.certainCalls == 0 { problems.append("no call was certainly on") }
            text =
                "recorded \(verdict.recordedCalls) calls: certain \(verdict.certainCalls), "
                + "uncertain \(verdict.uncertainCalls)"
        } else {
            problems = ["\(oracle): the hammer never was ready"]
        }
        StressCommand.report(name, text, problems)
        print("\(problems.isEmpty ? 1 : 0) passed, \(problems.isEmpty ? 0 : 1) failed")
        if !problems.isEmpty { throw ExitCode(1) }
    }
}
