import Foundation
import Testing

/// Plans that switch tracing off and on by themselves, and plans and files that can't be used.
@Suite struct StandaloneWindowTests {
    private func nopal(_ arguments: [String], in place: URL) throws -> RunResult {
        try ProcessRun(program: Locations.nopal, arguments: arguments, directory: place).run()
    }

    private func build(_ variant: Variant) throws -> String {
        try TracedProgram(name: "turns", variant: variant).build().appendingPathComponent("turns").path
    }

    /// Runs it on its own, with the variables that a plan needs.
    private func run(
        _ program: String, _ target: ArmTarget, _ arguments: [String], _ variables: [String], in place: URL
    ) throws -> RunResult {
        try ProcessRun(
            program: #require(Compiler.find(target.emulator)),
            arguments: ["-L", target.sysroot] + variables.flatMap { ["-E", $0] } + [program, "account"] + arguments,
            directory: place
        ).run()
    }

    private func preload(_ target: ArmTarget) -> String { "LD_PRELOAD=\(target.agent):libgcc_s.so.1" }

    /// What is recorded is a part of what happened, every entry has its exit, and every site was switched.
    @Test(arguments: [Variant.a64O2, .a32O2, .t32O2, .t32Os])
    func switchesWhileThreadsRun(_ variant: Variant) throws {
        let place = try Locations.freshDirectory("windows-\(variant.rawValue)")
        let target = try #require(variant.target)
        let program = try build(variant)
        let windows = 40
        let prepared = try nopal(
            ["prepare", "-o", "plan", "--on", "0", "--off", "0", "--times", "\(windows)", "-F", "turn"]
                + target.prepareOptions + [program], in: place)
        #expect(prepared.ending == .exited(0) && prepared.errors.isEmpty, "\(prepared.errors)")
        #expect(prepared.output.contains(": 1 site of the program"))
        // Longer and longer, until all windows were had.
        var turns = 500
        var note = ""
        while !note.contains("in \(windows) windows"), turns < 1_000_000 {
            turns *= 4
            for name in try FileManager.default.contentsOfDirectory(atPath: place.path) where name.hasSuffix(".events")
            {
                try FileManager.default.removeItem(at: place.appendingPathComponent(name))
            }
            let result = try run(program, target, ["\(turns)"], ["NOPAL_PLAN=plan", preload(target)], in: place)
            #expect(result.ending == .exited(0) && result.output == "\(2 * turns * 101)\n" && result.errors.isEmpty)
            let events = try #require(
                try FileManager.default.contentsOfDirectory(atPath: place.path).first { $0.hasSuffix(".events") })
            note = try nopal(["collect", "plan", events, "-o", "trace"], in: place).errors
        }
        #expect(note.contains("nopal: sites were switched \(windows * 2) times in \(windows) windows"), "\(note)")
        let account = try Account(infoJSON: nopal(["info", "trace", "--json", "--by-function"], in: place).output)
        #expect(account.total.entries > 0 && account.total.entries <= 2 * turns)
        #expect(account.total.exits == account.total.entries)
        #expect(try nopal(["info", "trace"], in: place).output.contains("+ 0 unwound + 0 open"))
    }

    /// The sites stay on, all calls are in the trace, and it says why.
    @Test func kernelWithoutCoreSync() throws {
        let place = try Locations.freshDirectory("windows-no-core-sync")
        let target = ArmTarget.a64
        let program = try build(.a64O2)
        let prepared = try nopal(["prepare", "-o", "plan", "--on", "0", "--off", "0", program], in: place)
        try #require(prepared.ending == .exited(0))
        let result = try ProcessRun(
            program: Compiler.withoutMembarrier(),
            arguments: [#require(Compiler.find(target.emulator)), "-L", target.sysroot]
                + ["NOPAL_PLAN=plan", preload(target)].flatMap { ["-E", $0] } + [program, "account", "50"],
            directory: place
        ).run()
        #expect(result.ending == .exited(0) && result.output == "10100\n" && result.errors.isEmpty)
        let events = try #require(
            try FileManager.default.contentsOfDirectory(atPath: place.path).first { $0.hasSuffix(".events") })
        let note = try nopal(["collect", "plan", events, "-o", "trace"], in: place).errors
        #expect(
            note
                == "nopal: sites were not switched any more: the kernel has no membarrier with SYNC_CORE (Linux 4.16)\n"
        )
        let account = try Account(infoJSON: nopal(["info", "trace", "--json", "--by-function"], in: place).output)
        #expect(account.total.entries == 10100 + 3, "\(account.total)")
    }

    private func expect(_ result: RunResult, _ status: Int32, _ words: [String]) {
        #expect(result.ending == .exited(status), "\(result.command)\n\(result.errors)")
        for word in words { #expect(result.errors.contains(word), "\(word): \(result.errors)") }
        #expect(result.errors.split(separator: "\n").count == 1 && result.output.isEmpty, "\(result.errors)")
    }

    @Test func whatCannotBePrepared() throws {
        let place = try Locations.freshDirectory("bad-prepare")
        let program = try build(.a64O2)
        let here = try TracedProgram(name: "tailcalls", variant: .gccO2).build().appendingPathComponent("tailcalls")
            .path
        expect(try nopal(["prepare", here], in: place), 126, ["x86-64", "nopal record"])
        expect(try nopal(["prepare", "nothing"], in: place), 127, ["nothing"])
        expect(try nopal(["prepare", program, "-F", "nobody*"], in: place), 126, ["-F"])
        expect(
            try nopal(["prepare", program, "-o", "/nonexistent/plan"], in: place), 126, ["/nonexistent/plan", "-o"])
        for (arguments, word) in [
            (["--when-full", "wait"], "--when-full"), (["--on", "1ms"], "--off"), (["--times", "3"], "--times"),
            (["--on", "soon", "--off", "1s"], "soon"), (["--buffer", "1K"], "256K"),
        ] {
            let result = try nopal(["prepare", program] + arguments, in: place)
            #expect(result.ending == .exited(64) && result.errors.contains(word), "\(arguments): \(result.errors)")
        }
        #expect(!FileManager.default.fileExists(atPath: place.appendingPathComponent("nopal.plan").path))
    }

    /// Whatever is wrong with the plan, the program runs as it is.
    @Test(arguments: [Variant.a64O2, .t32O2])
    func programsRunUntracedByBadPlans(_ variant: Variant) throws {
        let place = try Locations.freshDirectory("bad-plan-\(variant.rawValue)")
        let target = try #require(variant.target)
        let program = try build(variant)
        let prepared = try nopal(["prepare", "-o", "plan"] + target.prepareOptions + [program], in: place)
        try #require(prepared.ending == .exited(0))
        let plan = try Data(contentsOf: place.appendingPathComponent("plan"))
        try plan.prefix(50).write(to: place.appendingPathComponent("short"))
        try Data(repeating: 7, count: 5000).write(to: place.appendingPathComponent("other"))
        func expect(_ plan: String, _ more: [String] = [], preload: String? = nil, says: String) throws {
            let result = try run(
                program, target, ["3"], ["NOPAL_PLAN=\(plan)", preload ?? self.preload(target)] + more, in: place)
            #expect(result.ending == .exited(0) && result.output == "606\n", "\(result.command)")
            #expect(result.errors.hasPrefix("nopal: ") && result.errors.contains(says), "\(plan): \(result.errors)")
            #expect(result.errors.split(separator: "\n").count == 1)
        }
        for name in ["short", "other", "nothing", "."] { try expect(name, says: "is no plan") }
        try expect("plan", ["NOPAL_EVENTS=/nonexistent"], says: "NOPAL_EVENTS")
        try expect("plan", preload: "LD_PRELOAD=\(target.agent)", says: "libgcc_s.so.1")
        // Cut off anywhere, it is refused or followed as far as it goes.
        for count in [100, 400, 416, 500, 700, 4096, plan.count / 2, plan.count - 4096] {
            try plan.prefix(count).write(to: place.appendingPathComponent("cut"))
            let result = try run(program, target, ["3"], ["NOPAL_PLAN=cut", preload(target)], in: place)
            #expect(result.ending == .exited(0) && result.output == "606\n", "cut at \(count): \(result.command)")
        }
        // Another build of the program: same name, other code.
        let other = try TracedProgram(name: "turns", variant: variant == .a64O2 ? .a64O0 : .t32O0).build()
        let result = try run(
            other.appendingPathComponent("turns").path, target, ["3"], ["NOPAL_PLAN=plan", preload(target)], in: place)
        #expect(result.ending == .exited(0) && result.output == "606\n")
        #expect(result.errors.contains("not the build that the plan was made for"), "\(result.errors)")
    }

    @Test func whatCannotBeCollected() throws {
        let place = try Locations.freshDirectory("bad-collect")
        let program = try build(.a64O2)
        try #require(try nopal(["prepare", "-o", "plan", program], in: place).ending == .exited(0))
        let target = ArmTarget.a64
        _ = try run(program, target, ["3"], ["NOPAL_PLAN=plan", preload(target)], in: place)
        let name = try #require(
            try FileManager.default.contentsOfDirectory(atPath: place.path).first { $0.hasSuffix(".events") })
        let events = try Data(contentsOf: place.appendingPathComponent(name))
        try events.prefix(100_000).write(to: place.appendingPathComponent("cut"))
        expect(try nopal(["collect", "plan", "nothing"], in: place), 125, ["nothing", "No such file"])
        expect(try nopal(["collect", "plan", "plan"], in: place), 125, ["plan", "not a file of events"])
        expect(try nopal(["collect", name, name], in: place), 125, [name, "not a plan"])
        expect(try nopal(["collect", "plan", "cut"], in: place), 125, ["cut", "not whole"])
        expect(try nopal(["collect", "plan", name, "-o", "/nonexistent/t"], in: place), 125, ["/nonexistent/t"])
        // What it was made of stays as it is.
        #expect(try nopal(["collect", "plan", name], in: place).ending == .exited(0))
        #expect(try Data(contentsOf: place.appendingPathComponent(name)) == events)
    }
}
