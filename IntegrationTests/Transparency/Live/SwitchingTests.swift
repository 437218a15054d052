import Foundation
import ProcessSupport
import Testing

/// Switching functions of a running program on and off: by every protocol, under `record` and after `attach`.
@Suite struct SwitchingTests {
    static let workers = ControlledProgram.workers

    private func plans(_ answer: [String: Any]) -> [String] {
        (answer["plans"] as? [[String: Any]] ?? []).compactMap { $0["protocol"] as? String }
    }

    @Test(arguments: ["auto", "single-store", "breakpoint", "stopped"])
    func belowRecord(_ wanted: String) throws {
        let program = try ControlledProgram(recorded: [])
        let pid = "\(program.pid)"
        try program.tell("call 100")
        let off = try program.json("disable", pid, "--protocol", wanted, "inner")
        #expect(off["changed"] as? Int == 1 && off["matched"] as? Int == 1)
        #expect(plans(off) == [wanted == "auto" || wanted == "single-store" ? "single store" : wanted])
        try program.tell("call 1000")
        #expect(try program.json("enable", pid, "--protocol", wanted, "inn*")["changed"] as? Int == 1)
        #expect(try program.json("enable", pid, "--protocol", wanted, "inner")["already"] as? Int == 1)
        try program.tell("call 10")
        let status = try program.json("status", pid)
        #expect(status["off"] as? Int == 0 && status["original"] as? Int == 0 && status["foreign"] as? Int == 0)
        #expect(try program.openText() == [])
        #expect(try program.troubles() == (0, 0))
        #expect(try program.quit() == 0)
        let entries = try program.entries()
        #expect(entries["outer"] == 1110 * Self.workers && entries["inner"] == 220 * Self.workers, "\(entries)")
    }

    /// Functions that were not chosen at first are armed when they are asked for.
    @Test(arguments: Variant.everyKind) func armsLive(_ variant: Variant) throws {
        let program = try ControlledProgram(variant, recorded: ["-F", "inner"])
        let pid = "\(program.pid)"
        try program.tell("noise 1")
        try program.tell("call 100")
        let on = try program.json("enable", pid, "outer", "noise")
        #expect(on["changed"] as? Int == 2, "\(on)")
        try program.tell("call 100")
        #expect(try program.json("disable", pid, "*")["changed"] as? Int == 3)
        try program.tell("call 100")
        #expect(try program.openText() == [])
        #expect(try program.troubles() == (0, 0))
        #expect(try program.quit() == 0)
        let entries = try program.entries()
        #expect(
            entries["outer"] == 100 * Self.workers && entries["inner"] == 400 * Self.workers, "\(variant): \(entries)")
    }

    /// An unsound protocol is refused with its reason, and nothing is changed.
    @Test func unsoundIsRefused() throws {
        let program = try ControlledProgram(.gccO2, recorded: ["-F", "inner"])
        let refused = try program.nopal("enable", "\(program.pid)", "--protocol", "single-store", "outer")
        #expect(refused.ending == .exited(125))
        #expect(refused.output.contains("a thread may stand between its instructions"), "\(refused.output)")
        #expect(try program.json("status", "\(program.pid)")["on"] as? Int == 1)
        #expect(try program.quit() == 0)
    }

    /// A breakpoint would kill a thread that blocks SIGTRAP; gcc's sleepers block all but that one.
    @Test func breakpointsAreHitAndSurvived() throws {
        let program = try ControlledProgram(.clangO2)
        try program.tell("noise 1")
        let attached = try Attached(program, ["--when-full", "drop", "--buffer", "256K"])
        for turn in 0..<50 {
            let verb = turn % 2 == 0 ? "disable" : "enable"
            let answer = try program.json(verb, "\(program.pid)", "--protocol", "breakpoint", "*")
            try #require(plans(answer) == ["breakpoint"])
        }
        #expect(try program.nopal("detach", "\(program.pid)").ending == .exited(0))
        _ = try attached.end()
        #expect(try program.changedBytes() == [:])
        #expect(try program.troubles() == (0, 0))
        #expect(try program.quit() == 0)
    }

    /// Hundreds of stops: nobody in a system call sees EINTR, misses what woke it, or loses a descriptor.
    @Test func stopsGoUnnoticed() throws {
        let program = try ControlledProgram()
        let attached = try Attached(program, ["--when-full", "drop", "--buffer", "256K"])
        try program.tell("noise 1")
        for turn in 0..<200 {
            let verb = turn % 2 == 0 ? "disable" : "enable"
            try #require(try program.nopal(verb, "\(program.pid)", "--protocol", "stopped", "*").ending == .exited(0))
            try program.tell("wake 3")
        }
        let status = try program.json("status", "\(program.pid)")
        #expect((status["longest_stall_ns"] as? Int ?? 0) > 0)
        #expect(try program.nopal("detach", "\(program.pid)").ending == .exited(0))
        _ = try attached.end()
        #expect(try program.troubles() == (0, 0))
        #expect(try program.quit() == 0)
    }

    /// `nopal sites --live` reads what stands there.
    @Test func sitesShowTheirState() throws {
        let program = try ControlledProgram(.clangO2, recorded: ["-F", "inner", "-F", "outer"])
        #expect(try program.nopal("disable", "\(program.pid)", "outer").ending == .exited(0))
        let sites = try program.nopal("sites", "--live", "\(program.pid)", "--json")
        let modules = try #require(try JSONSerialization.jsonObject(with: Data(sites.output.utf8)) as? [[String: Any]])
        let rows = modules.flatMap { $0["sites"] as? [[String: Any]] ?? [] }
        let states = Dictionary(
            rows.compactMap { row in
                (row["function"] as? String).flatMap { name in (row["state"] as? String).map { (name, $0) } }
            }
        ) { first, _ in first }
        #expect(states["inner"] == "on" && states["outer"] == "off" && states["noise"] == "original", "\(states)")
        #expect(try program.quit() == 0)
    }

    /// A program that `record` started can be let go: it runs on, and its end is still its own.
    @Test func detachFromRecord() throws {
        let program = try ControlledProgram(recorded: [])
        try program.tell("call 100")
        #expect(try program.nopal("detach", "\(program.pid)").ending == .exited(0))
        try program.tell("call 100")
        #expect(try program.changedBytes() == [:])
        #expect(try program.quit() == 0)
        #expect(try program.entries()["outer"] == 100 * Self.workers)
    }
}
