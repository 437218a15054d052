import ArgumentParser
import Exporting
import FoundationEssentials
import Proving

/// `nopal prove --plan FILE`: one plan, as a text.
struct PlanProof {
    let command: ProveCommand

    func run(path: String) throws {
        let scenario = try read(path)
        let exploration: Exploration
        do { exploration = try scenario.explore() } catch { throw Failure.say("\(path): \(error)", status: 2) }
        if command.json {
            try JSONOutput.write(ExplorationReport(name: path, exploration))
        } else {
            print(
                "\(path): \(exploration.verdictText); \(exploration.stateCount) states, \(exploration.transitionCount) transitions"
            )
        }
        guard let counterexample = exploration.counterexample else { return }
        try command.show([(counterexample, path)])
        throw ExitCode(1)
    }

    private func read(_ path: String) throws -> Scenario {
        let bytes: Data
        do { bytes = try Data(contentsOf: URL(filePath: path)) } catch {
            throw Failure.say("\(path) can't be read: no such file, or not permitted", status: Failure.missing)
        }
        do { return try Scenario(text: String(decoding: bytes, as: UTF8.self)) } catch {
            throw Failure.say("\(path): \(error)", status: 2)
        }
    }
}

extension Exploration {
    var verdictText: String {
        counterexample.map { "BREAKS: \($0.violation.kind.rawValue): \($0.violation.detail)" } ?? "safe"
    }
}

/// One scenario's outcome as JSON.
struct ExplorationReport: Encodable {
    struct Step: Encodable {
        var actor: String
        var text: String
        var bytes: String
    }

    var name: String
    var verdict: String
    var states: Int
    var transitions: Int
    var violation: String?
    var detail: String?
    var steps: [Step]?

    init(name: String, _ exploration: Exploration) {
        self.name = name
        verdict = exploration.isSafe ? "safe" : "breaks"
        states = exploration.stateCount
        transitions = exploration.transitionCount
        guard let counterexample = exploration.counterexample else { return }
        violation = counterexample.violation.kind.rawValue
        detail = counterexample.violation.detail
        steps = counterexample.steps.map { step in
            var actor = "patcher"
            if case .thread(let index) = step.actor { actor = "thread \(index + 1)" }
            let bytes = step.windows.map { InfoText.hex($0.bytes) }
            return Step(actor: actor, text: step.text, bytes: bytes.joined(separator: " "))
        }
    }
}

/// A text that goes into a file, or to standard output for `-`.
enum FileOutput {
    static func write(_ text: String, to path: String) throws {
        let target = try OutputFile(path: path)
        let buffer = OutputBuffer(descriptor: target.descriptor, path: target.displayPath)
        do {
            buffer.write(text)
            try buffer.finish()
        } catch {
            target.discard()
            throw error
        }
        try target.close(byteCount: buffer.writtenByteCount)
    }
}
