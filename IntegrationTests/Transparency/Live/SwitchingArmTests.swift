import Foundation
import ProcessSupport
import Testing

/// Switching functions of running programs of the Arm sets on and off, from this machine.
@Suite struct SwitchingArmTests {
    static let workers = ControlledProgram.workers
    static let variants = Variant.someArm + [.a64Clang, .a32Mcount, .t32Mcount, .a32NoPIE, .t32NoPIE]

    private func plans(_ answer: [String: Any]) -> [String] {
        (answer["plans"] as? [[String: Any]] ?? []).compactMap { $0["protocol"] as? String }
    }

    @Test(arguments: variants) func belowRecord(_ variant: Variant) throws {
        let program = try ControlledProgram(variant, recorded: [])
        let pid = "\(program.pid)"
        try program.tell("call 100")
        let off = try program.json("disable", pid, "inner")
        #expect(off["changed"] as? Int == 1 && off["matched"] as? Int == 1, "\(off)")
        #expect(plans(off) == ["single store"])
        let live = try program.nopal("sites", "--live", pid)
        #expect(live.ending == .exited(126) && live.errors.contains("'nopal status \(pid)'"), "\(live.errors)")
        try program.tell("call 1000")
        let status = try program.json("status", pid)
        #expect(status["off"] as? Int == 1 && status["foreign"] as? Int == 0, "\(status)")
        #expect(try program.json("disable", pid, "inner")["already"] as? Int == 1)
        #expect(try program.json("enable", pid, "inn*")["changed"] as? Int == 1)
        #expect(try program.json("enable", pid, "inner")["already"] as? Int == 1)
        try program.tell("call 10")
        #expect(try program.troubles() == (0, 0))
        #expect(try program.quit() == 0)
        let entries = try program.entries()
        #expect(
            entries["outer"] == 1110 * Self.workers && entries["inner"] == 220 * Self.workers, "\(variant): \(entries)")
    }

    /// Functions that were not chosen at first are armed when they are asked for: on A64 and A32 by one store.
    @Test(arguments: [Variant.a64O2, .a32O2]) func armsLive(_ variant: Variant) throws {
        let program = try ControlledProgram(variant, recorded: ["-F", "inner"])
        let pid = "\(program.pid)"
        try program.tell("noise 1")
        try program.tell("call 100")
        let on = try program.json("enable", pid, "outer", "noise")
        #expect(on["changed"] as? Int == 2 && plans(on) == ["single store"], "\(on)")
        try program.tell("call 100")
        #expect(try program.json("disable", pid, "*")["changed"] as? Int == 3)
        try program.tell("call 100")
        #expect(try program.troubles() == (0, 0))
        #expect(try program.quit() == 0)
        let entries = try program.entries()
        #expect(
            entries["outer"] == 100 * Self.workers && entries["inner"] == 400 * Self.workers, "\(variant): \(entries)")
    }

    /// T32 needs its threads stopped for that, and nobody can stop them under an emulator: refused, with the reason.
    @Test func unsoundIsRefused() throws {
        let program = try ControlledProgram(.t32O2, recorded: ["-F", "inner"])
        let pid = "\(program.pid)"
        let refused = try program.nopal("enable", pid, "outer")
        #expect(refused.ending == .exited(125))
        #expect(refused.output.contains("a thread may stand between its instructions"), "\(refused.output)")
        let detached = try program.nopal("detach", pid)
        #expect(detached.ending == .exited(125) && detached.errors.contains("under an emulator"), "\(detached.errors)")
        #expect(try program.json("status", pid)["on"] as? Int == 1)
        try program.tell("call 10")
        #expect(try program.quit() == 0)
        #expect(try program.entries() == ["inner": 20 * Self.workers])
    }

    /// Without SYNC_CORE no core is known to run what was stored: nothing is changed while threads run, and it is said.
    @Test(arguments: Variant.someArm) func kernelWithoutCoreSync(_ variant: Variant) throws {
        let program = try ControlledProgram(variant, recorded: [], launcher: Compiler.withoutMembarrier())
        let pid = "\(program.pid)"
        try program.tell("call 10")
        for verb in ["disable", "enable"] {
            let refused = try program.nopal(verb, pid, "inner")
            if verb == "enable" {
                #expect(refused.ending == .exited(0))
                continue
            }
            #expect(refused.ending == .exited(125))
            #expect(refused.output.contains("the kernel has no membarrier with SYNC_CORE"), "\(refused.output)")
        }
        #expect(try program.json("status", pid)["off"] as? Int == 0)
        try program.tell("call 10")
        #expect(try program.quit() == 0)
        let entries = try program.entries()
        #expect(entries["outer"] == 20 * Self.workers && entries["inner"] == 40 * Self.workers, "\(entries)")
    }

    /// A library that is opened later is traced from its first call.
    @Test(arguments: Variant.someArm) func opensAndForks(_ variant: Variant) throws {
        let program = try ControlledProgram(variant, recorded: [])
        try program.tell("open \(program.library)")
        #expect(try program.json("disable", "\(program.pid)", "outer")["changed"] as? Int == 1)
        try program.tell("fork 5")
        try program.tell("close")
        #expect(try program.troubles() == (0, 0))
        #expect(try program.quit() == 0)
        let entries = try program.entries()
        #expect(entries["plugged"] == 1 && entries["outer"] == nil && entries["inner"] == 10, "\(entries)")
    }

    static let modes = Variant.someArm.flatMap { variant in ["wait", "drop", "overwrite"].map { (variant, $0) } }

    /// The program must not wait for a host that is no more; its sites are switched off.
    @Test(arguments: modes) func programOutlivesItsHost(_ variant: Variant, _ mode: String) throws {
        let verification = try Verification(
            TracedProgram(
                name: "steady", variant: variant, arguments: ["4", "50000", "../marker"],
                recordOptions: ["--buffer", "256K", "--when-full", mode]))
        let run = try verification.tracedRun()
        let host = try run.start()
        let marker = Marker(verification.place.appendingPathComponent("traced/marker"))
        let pid = try marker.waitForProcess(unlessEnded: host)
        #expect(process_kill(host, SIGKILL) == 0)
        #expect(try run.finish(host).ending == .signalled(SIGKILL))
        marker.remove()
        let ended = process_await_end(pid, 60_000)
        if ended != 1 { _ = process_kill(pid, SIGKILL) }
        #expect(ended == 1, "the program hangs after its host was killed: \(run.command)")
        let output = try String(contentsOf: run.directory.appendingPathComponent("stdout"), encoding: .utf8)
        #expect(output == "done\n", verification.rerun(run))
        let own = try verification.counted(run).total
        #expect(own.entries == own.exits, "the program did not run to its end")
        let info = try verification.info()
        #expect(info.ending == .exited(0), "what was written must be readable: \(info.command)\n\(info.errors)")
    }
}
