import Foundation
import ProcessSupport
import Testing

/// Attaching to a process that knows nothing of Nopal, and leaving it as it was.
@Suite struct AttachTests {
    static let workers = ControlledProgram.workers

    /// Between attach and detach every call is recorded, and none before or after.
    @Test(arguments: Variant.everyKind) func recordsExactlyWhatItSaw(_ variant: Variant) throws {
        let program = try ControlledProgram(variant)
        try program.tell("call 500")
        let attached = try Attached(program)
        try program.tell("call 1000")
        let detach = try program.json("detach", "\(program.pid)")
        try program.tell("call 500")
        #expect(try attached.end().ending == .exited(0))
        let entries = try program.entries(attached.trace)
        #expect(
            entries["outer"] == 1000 * Self.workers && entries["inner"] == 2000 * Self.workers, "\(variant): \(entries)"
        )
        #expect(detach["arenas_left"] as? Int == 0, "\(detach)")
        #expect(try program.changedBytes() == [:])
        #expect(try program.openText() == [])
        #expect(try program.troubles() == (0, 0))
        #expect(try program.quit() == 0)
    }

    /// A hundred times, under load: nothing grows, nothing breaks, nobody is interrupted.
    @Test func againAndAgain() throws {
        let program = try ControlledProgram()
        try program.tell("noise 1")
        var descriptors = 0
        var mappings = 0
        for turn in 0..<100 {
            let attached = try Attached(
                program, ["--when-full", "drop", "--buffer", "256K"] + (turn % 2 == 0 ? [] : ["--off"]))
            try program.tell("call 10")
            let detach = try program.nopal("detach", "\(program.pid)")
            try #require(detach.ending == .exited(0), "turn \(turn): \(detach.errors)")
            try #require(try attached.end().ending == .exited(0))
            try program.tell("wake 1")
            if turn == 20 {
                descriptors = try program.count("fd")
                mappings = try Self.mappings(program)
            }
        }
        #expect(try program.changedBytes() == [:])
        #expect(try program.count("fd") == descriptors)
        #expect(try Self.mappings(program) <= mappings + 4)
        #expect(try program.count("task") == 15)
        #expect(try program.troubles() == (0, 0))
        #expect(try program.quit() == 0)
    }

    private static func mappings(_ program: ControlledProgram) throws -> Int {
        try String(contentsOfFile: "/proc/\(program.pid)/maps", encoding: .utf8).split(separator: "\n").count
    }

    /// A thread that is inside a traced call when everything is taken away comes home, and what it
    /// leaves does not disturb the next session.
    @Test func openCallsReturnSafely() throws {
        let program = try ControlledProgram()
        let first = try Attached(program)
        try program.tell("park")
        // The thread is in parked() once its entry is in the trace; it then blocks in read.
        try program.tell("call 10")
        let detach = try program.json("detach", "\(program.pid)")
        #expect(try first.end().ending == .exited(0))
        let second = try Attached(program)
        #expect(try program.tell("leave") == 107)
        try program.tell("call 10")
        #expect(try program.nopal("detach", "\(program.pid)").ending == .exited(0))
        #expect(try second.end().ending == .exited(0))
        #expect(try program.entries(second.trace) == ["outer": 10 * Self.workers, "inner": 20 * Self.workers])
        #expect((detach["notes"] as? [String])?.isEmpty == true)
        #expect(try program.changedBytes() == [:])
        #expect(try program.quit() == 0)
    }

    /// Children and libraries of an attached process belong to the session.
    @Test(arguments: [Variant.gccO2, .clangO2]) func childrenAndLibraries(_ variant: Variant) throws {
        let program = try ControlledProgram(variant)
        let attached = try Attached(program)
        #expect(try program.tell("fork 100") == 0)
        #expect(try program.tell("open \(program.library)") == 42)
        try program.tell("close")
        #expect(try program.tell("open \(program.library)") == 42)
        #expect(try program.nopal("detach", "\(program.pid)").ending == .exited(0))
        #expect(try attached.end().ending == .exited(0))
        let entries = try program.entries(attached.trace)
        #expect(entries["outer"] == 100 && entries["inner"] == 200 && entries["plugged"] == 2, "\(entries)")
        #expect(try program.changedBytes() == [:])
        // Nothing is left behind that follows children.
        #expect(try program.tell("fork 100") == 0)
        #expect(try program.troubles() == (0, 0))
        #expect(try program.quit() == 0)
    }

    /// Whatever ends the command, the process is detached, or at least lives on.
    @Test(arguments: [SIGINT, SIGTERM, SIGHUP, SIGKILL]) func survivesTheHostsEnd(_ signal: Int32) throws {
        let program = try ControlledProgram()
        try program.tell("noise 1")
        let attached = try Attached(program, ["--buffer", "256K"])
        try program.tell("call 1000")
        attached.signal(signal)
        let ended = try attached.end()
        #expect(ended.ending == (signal == SIGKILL ? .signalled(SIGKILL) : .exited(0)))
        try program.tell("call 100000")
        if signal != SIGKILL { #expect(try program.changedBytes() == [:]) }
        // It can be attached to again, whatever the first host has left.
        let again = try Attached(program, ["-F", "outer", "-F", "inner"])
        try program.tell("call 1000")
        #expect(try program.nopal("detach", "\(program.pid)").ending == .exited(0))
        _ = try again.end()
        let entries = try program.entries(again.trace)
        #expect(entries["outer"] == 1000 * Self.workers, "\(entries)")
        #expect(try program.changedBytes() == [:])
        #expect(try program.troubles() == (0, 0))
        #expect(try program.quit() == 0)
    }

    /// The program may end while it is attached to: the trace is whole.
    @Test func programEnds() throws {
        let program = try ControlledProgram()
        let attached = try Attached(program)
        try program.tell("call 1000")
        #expect(try program.quit() == 0)
        let ended = try attached.end()
        #expect(ended.ending == .exited(0), "\(ended.errors)")
        #expect(try program.entries(attached.trace)["outer"] == 1000 * Self.workers)
    }
}
