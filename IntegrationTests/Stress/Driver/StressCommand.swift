import ArgumentParser
import Control
import Glibc
import Patching
import TraceFormat

@main
struct StressTools: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nopal-stress", abstract: "Live patching under load, and its account.",
        subcommands: [StressCommand.self, VerifyCommand.self], defaultSubcommand: StressCommand.self)
}

struct StressCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "storm",
        abstract: "Patches the hammer while it runs, and holds its trace against its own account.",
        discussion: "Ends with 'N passed, N failed'. FOLDER holds the programs of IntegrationTests/Stress/build.")

    @Argument var folder: String
    @Option(
        help: "Where traces and the oracle's file go; what a failed storm leaves stays there. (default: FOLDER/run)")
    var place: String?
    @Option(help: "All storms together, seconds.") var seconds = 60.0
    @Option(help: "Each canary may take so long, seconds.") var canarySeconds = 30.0
    @Option(help: "Only these kinds of site.") var variant: [String] = []
    @Option(help: "Seed of the random choices.") var seed: UInt64 = 1
    @Option(help: "Each storm ends after so many toggles; fewer in its time are a failure.") var toggles: UInt64?
    @Flag(help: "A canary that does not break the hammer is a failure; else it is only reported.") var strictCanaries =
        false
    @Flag(help: "No canaries.") var noCanaries = false

    private struct Kind {
        var variant: String
        var wanted: PatchProtocol?
        var disarms: Bool

        /// Its share of the time that a kind of site gets.
        var weight: Double {
            switch wanted {
            case .singleStore: 0.46
            case .breakpoint: 0.12
            default: 0.42
            }
        }
    }

    func run() throws {
        let place = place ?? folder + "/run"
        mkdir(place, 0o755)
        var passed = 0
        var failed = 0
        var toggles: UInt64 = 0
        let variants = variant.isEmpty ? ["nops", "nop", "fentry", "mcount", "xray"] : variant
        let kinds = variants.flatMap { variant in
            // Under an emulator no thread can be stopped, and on Arm no breakpoint is needed.
            let protocols: [PatchProtocol] =
                Self.arm.contains(variant) ? [.singleStore] : [.singleStore, .breakpoint, .stopped]
            return protocols.map {
                Kind(variant: variant, wanted: $0, disarms: $0 != .singleStore)
            }
        }
        for (index, kind) in kinds.enumerated() {
            let share = seconds * (Self.arm.contains(kind.variant) ? 1 : kind.weight) / Double(variants.count)
            let (isGood, count) = try storm(kind, place, share, seed &+ UInt64(index))
            toggles += count
            if isGood { passed += 1 } else { failed += 1 }
        }
        for canary in noCanaries ? [] : Canary.allCases where variants.contains(canary.variant) {
            if try self.canary(canary, place) { passed += 1 } else { failed += 1 }
        }
        print("\(toggles) toggles")
        print("\(passed) passed, \(failed) failed")
        if failed > 0 { throw ExitCode(1) }
    }

    /// Programs of other sets, in an emulator.
    private static let arm = ["aarch64", "arm", "thumb"]

    /// What the hammer does besides; gcc 12 for 32-bit Arm can't throw through functions with NOPs.
    private func activities(_ variant: String) -> [String] {
        let all = ["signals", "forks", "library", "threads", "epoll", "pipe", "condition", "futex", "sleep"]
        guard Self.arm.contains(variant) else { return ["--all", "--gap", "300", "--slots", "16000"] }
        return (all + (variant == "aarch64" ? ["exceptions"] : [])).map { "--\($0)" }
            + ["--slots", "1000", "--library-path", "\(folder)/\(variant).library.so"]
    }

    /// As many as can run at once: the thread that patches has its share of the processors then.
    private var workers: Int { max(2, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    private func storm(_ kind: Kind, _ place: String, _ seconds: Double, _ seed: UInt64) throws -> (Bool, UInt64) {
        let hammering = Hammering(
            folder: folder, variant: kind.variant, place: place,
            arguments: ["\(workers)", "--seed", "\(seed)"] + activities(kind.variant))
        var outcome = Storm.Outcome()
        let ended = try hammering.run(whenFull: .wait, limitSeconds: Int(seconds) + 60) { session, process, oracle in
            var storm = Storm(
                session: session, process: process, oracle: oracle, disarms: kind.disarms,
                random: SplitMix(state: seed),
                limit: toggles ?? .max)
            outcome = storm.run(kind.wanted, seconds: seconds)
        }
        var problems = outcome.failure.map { [$0] } ?? []
        if ended.waitStatus != 0 { problems.append("the hammer's wait status is \(ended.waitStatus ?? -1)") }
        problems += ended.notes
        if let toggles, outcome.toggles < toggles { problems.append("fewer than \(toggles) toggles in \(seconds) s") }
        var text = ""
        if let oracle = hammering.oracle {
            let verdict = try Verdict(tracePath: hammering.tracePath, oracle: oracle)
            problems += verdict.problems
            let kinds = outcome.plans.sorted { $0.key < $1.key }.map { "\($0.value) by \($0.key)" }.joined(
                separator: ", ")
            text =
                "\(outcome.toggles) toggles (\(kinds)), recorded \(verdict.recordedCalls) calls: certain \(verdict.certainCalls), "
                + "uncertain \(verdict.uncertainCalls); longest stall \(outcome.longestStallNanos / 1000) us, change \(outcome.longestChangeNanos / 1_000_000) ms"
        } else {
            problems.append("the hammer never was ready")
        }
        let name = "storm \(kind.variant) by \(kind.wanted?.rawValue ?? "any")"
        Self.report(name, text, problems)
        if problems.isEmpty { unlink(hammering.tracePath) } else { keep(hammering, name) }
        return (problems.isEmpty, outcome.toggles)
    }

    /// What a failure left stays, for whoever looks into it: the next storm writes over both files.
    private func keep(_ hammering: Hammering, _ name: String) {
        let place = hammering.place + "/failed-" + name.replacing(" ", with: "-")
        rename(hammering.tracePath, place + ".trace")
        rename(hammering.oraclePath, place + ".oracle")
        print("      kept: \(place).trace, .oracle")
    }

    private func canary(_ canary: Canary, _ place: String) throws -> Bool {
        let hammering = Hammering(
            folder: folder, variant: canary.variant, place: place, arguments: ["3", "--seed", "\(seed)"])
        var found: UInt64?
        let ended = try hammering.run(whenFull: .overwrite, limitSeconds: Int(canarySeconds) + 60) {
            session, process, oracle in
            found =
                (try? CanaryRun(canary: canary, session: session, process: process, oracle: oracle).run(
                    seconds: canarySeconds)) ?? nil
        }
        unlink(hammering.tracePath)
        let isBroken = found != nil && ended.waitStatus != 0
        let text =
            isBroken
            ? "broke the hammer after \(found ?? 0) changes (wait status \(ended.waitStatus ?? 0)), as it has to"
            : "did not break the hammer in \(canarySeconds) s"
        Self.report("canary \(canary.rawValue)", text, isBroken || !strictCanaries ? [] : ["a check that cannot fail"])
        return isBroken || !strictCanaries
    }

    static func report(_ name: String, _ text: String, _ problems: [String]) {
        print("\(problems.isEmpty ? "ok   " : "FAIL ") \(name): \(text)")
        for problem in problems.prefix(20) { print("      \(problem)") }
        if problems.count > 20 { print("      and \(problems.count - 20) more") }
        fflush(nil)
    }
}
