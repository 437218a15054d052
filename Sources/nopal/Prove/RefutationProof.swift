import ArgumentParser
import Proving

/// `nopal prove --refuted`: plans that must not be run, each shown to break.
struct RefutationProof {
    let command: ProveCommand

    func run(names: [String]) throws {
        let known = try Refutation.all()
        if let unknown = names.first(where: { name in !known.contains { $0.name == name } }) {
            throw ValidationError(
                "there is no '\(unknown)'; there are \(known.map(\.name).joined(separator: ", "))")
        }
        let chosen = known.filter { names.isEmpty || names.contains($0.name) }
        if let path = command.writePlan { return try FileOutput.write(chosen[0].scenario.text, to: path) }
        var reports: [ExplorationReport] = []
        var rows: [[String]] = [["name", "states", "verdict", "what is tried"]]
        var isComplete = true
        var found: [(counterexample: Counterexample, title: String)] = []
        for refutation in chosen {
            let exploration: Exploration
            do { exploration = try refutation.scenario.explore() } catch {
                throw Failure.say("\(refutation.name): \(error)", status: 2)
            }
            reports.append(ExplorationReport(name: refutation.name, exploration))
            let kind = exploration.counterexample?.violation.kind
            isComplete = isComplete && kind.map(refutation.expected.contains) ?? false
            rows.append([
                refutation.name, String(exploration.stateCount), kind.map { "breaks: \($0.rawValue)" } ?? "NOT REFUTED",
                refutation.attempt,
            ])
            if let counterexample = exploration.counterexample {
                found.append((counterexample, "\(refutation.name): \(refutation.attempt)"))
            }
        }
        try command.show(found)
        if command.json {
            try JSONOutput.write(reports)
        } else {
            print(Columns.text(rows, rightAligned: [1]), terminator: "")
        }
        guard isComplete else { throw ExitCode(1) }
    }
}
