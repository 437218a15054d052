import Foundation
import Testing

/// Runs a program plain and under `nopal record`, and compares all that can be seen of it, and its
/// own account with the trace's.
struct Verification {
    let program: TracedProgram
    let build: URL
    let place: URL

    /// `build` is where the executable lies when it is not compiled the common way.
    init(_ program: TracedProgram, build: URL? = nil) throws {
        self.program = program
        self.build = try build ?? program.build()
        place = try Locations.freshDirectory(program.testDescription.replacingOccurrences(of: " ", with: "-"))
    }

    private var executable: String { build.appendingPathComponent(program.name).path }
    var trace: URL { place.appendingPathComponent("trace") }

    private func directory(_ name: String) throws -> URL {
        let url = place.appendingPathComponent(name)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return url
    }

    private var environment: [String: String] {
        ProcessRun.plainEnvironment.merging(program.environment) { $1 }
    }

    /// The work directories have one name in both runs: programs may print it.
    func plainRun() throws -> ProcessRun {
        let directory = try directory("plain/work")
        guard let target = program.variant.target else {
            return ProcessRun(
                program: executable, arguments: program.programArguments(build), directory: directory,
                environment: environment, limits: program.limits)
        }
        return try emulatedRun(target, [], in: directory)
    }

    /// - Parameter options: of the emulator.
    private func emulatedRun(_ target: ArmTarget, _ options: [String], in directory: URL) throws -> ProcessRun {
        ProcessRun(
            program: try #require(Compiler.find(target.emulator), "no \(target.emulator): apt install qemu-user"),
            arguments: ["-L", target.sysroot] + options + [executable] + program.programArguments(build),
            directory: directory, environment: environment, limits: program.limits)
    }

    func tracedRun() throws -> ProcessRun {
        if program.isStandalone { return try standaloneRun() }
        return ProcessRun(
            program: Locations.nopal,
            arguments: ["record", "-o", trace.path] + (program.variant.target?.options ?? []) + program.recordOptions
                + ["--", executable]
                + program.programArguments(build),
            directory: try directory("traced/work"), environment: environment, limits: program.limits)
    }

    private var plan: URL { place.appendingPathComponent("plan") }

    /// By a plan, which is made here: the agent alone, in the emulator.
    private func standaloneRun() throws -> ProcessRun {
        let target = try #require(program.variant.target)
        let prepare = try ProcessRun(
            program: Locations.nopal,
            arguments: ["prepare", "-o", plan.path] + target.prepareOptions + program.recordOptions + [executable],
            directory: try directory("prepare")
        ).run()
        try #require(prepare.ending == .exited(0), "\(prepare.command)\n\(prepare.errors)")
        let events = try directory("events")
        return try emulatedRun(
            target,
            ["NOPAL_PLAN=\(plan.path)", "NOPAL_EVENTS=\(events.path)", "LD_PRELOAD=\(target.agent):libgcc_s.so.1"]
                .flatMap { ["-E", $0] },
            in: try directory("traced/work"))
    }

    /// Makes the trace of what a run without a host has left: one file.
    private func collect() throws {
        let events = place.appendingPathComponent("events")
        let files = try FileManager.default.contentsOfDirectory(atPath: events.path)
        try #require(files.count == 1, "\(files)")
        let result = try ProcessRun(
            program: Locations.nopal,
            arguments: ["collect", plan.path, events.appendingPathComponent(files[0]).path, "-o", trace.path],
            directory: try directory("collect")
        ).run()
        try #require(result.ending == .exited(0) && result.errors.isEmpty, "\(result.command)\n\(result.errors)")
    }

    func info() throws -> RunResult {
        try ProcessRun(
            program: Locations.nopal, arguments: ["info", trace.path, "--json", "--by-function"],
            directory: try directory("info")
        ).run()
    }

    func counted(_ run: ProcessRun) throws -> Account {
        try Account(countedBy: run.directory.appendingPathComponent("account"))
    }

    /// What a person needs to look into a failure.
    func rerun(_ run: ProcessRun) -> Comment { "by hand: \(run.command)" }

    func check() throws {
        let plain = try plainRun(), traced = try tracedRun()
        let plainResult = try plain.run(), tracedResult = try traced.run()
        if program.isStandalone { try collect() }
        var isGood = checkBehaviour(plainResult, tracedResult)
        if program.countsItself { isGood = try checkAccount(plain, traced) && isGood }
        if isGood { try FileManager.default.removeItem(at: place) }
    }

    private func checkBehaviour(_ plain: RunResult, _ traced: RunResult) -> Bool {
        let again: Comment = "plain: \(plain.command)\ntraced: \(traced.command)\n\(traced.errors.prefix(2000))"
        #expect(plain.ending == program.ending, again)
        let ending = program.isStandalone ? program.ending : program.ending.shellStatus
        #expect(traced.ending == ending, again)
        #expect(traced.output == plain.output, again)
        #expect(traced.errors == plain.errors, again)
        return plain.ending == program.ending && traced.ending == ending
            && traced.output == plain.output && traced.errors == plain.errors
    }

    private func checkAccount(_ plain: ProcessRun, _ traced: ProcessRun) throws -> Bool {
        let info = try self.info()
        guard info.ending == .exited(0) else {
            Issue.record("\(info.command): \(info.ending)\n\(info.errors.prefix(2000))")
            return false
        }
        let comparison = AccountComparison(
            entryOnly: program.entryOnly, uncounted: program.uncounted,
            untraceable: program.untraceable[program.variant] ?? [],
            addsUnwoundAndOpen: program.addsUnwoundAndOpen)
        let expected = try counted(traced), found = try Account(infoJSON: info.output)
        let differences = comparison.differences(expected: expected, traced: found)
        #expect(expected.total.entries > 0, "the program counted nothing: \(plain.command)")
        #expect(
            differences.isEmpty,
            "\(traced.command)\n\(info.command)\n\(differences.prefix(30).joined(separator: "\n"))\n\(differences.count) rows differ"
        )
        return differences.isEmpty
    }
}
