import Foundation
import ProcessSupport
import Testing

/// Processes that can't be attached to: a sentence says why and what would help, and they live on.
@Suite struct BadAttachTests {
    private func attach(_ pid: Int32, user: Int? = nil) throws -> RunResult {
        let place = try Locations.freshDirectory("bad-attach")
        let own = ["attach", "\(pid)", "-o", place.appendingPathComponent("trace").path]
        guard let user else { return try ProcessRun(program: Locations.nopal, arguments: own, directory: place).run() }
        // Others reach neither this checkout nor its cache.
        let open = URL(fileURLWithPath: "/tmp/nopal-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: open, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o777])
        defer { try? FileManager.default.removeItem(at: open) }
        // By a process of its own: had this one the copy open for writing, a child of another test would have it open
        // as well for a moment, and it could not be executed.
        let copying = try ProcessRun(
            program: try #require(Compiler.find("cp")),
            arguments: ["-L", Locations.nopal, Locations.agent, open.path], directory: place
        ).run()
        try #require(copying.ending == .exited(0), "\(copying.errors)")
        let arguments = [
            "--reuid=\(user)", "--clear-groups", open.appendingPathComponent("nopal").path, "attach", "\(pid)", "-o",
            open.appendingPathComponent("t").path,
        ]
        return try ProcessRun(program: try #require(Compiler.find("setpriv")), arguments: arguments, directory: place)
            .run()
    }

    private func expect(_ result: RunResult, _ status: Int32, _ parts: String...) {
        #expect(result.ending == .exited(status), "\(result.command)\n\(result.errors)")
        for part in parts { #expect(result.errors.contains(part), "\(result.errors)") }
        #expect(result.errors.split(separator: "\n").count == 1, "one sentence: \(result.errors)")
    }

    /// `sleep`, or what else a program of the system's is called with.
    private func background(_ program: String, _ arguments: [String]) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(Compiler.find(program)))
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.start()
        return process
    }

    @Test func noSuchProcess() throws { expect(try attach(0x3f_ffff), 127, "no process") }

    @Test func kernelThread() throws { expect(try attach(2), 126, "kernel") }

    /// A stock program: the sentence says what would help.
    @Test func uninstrumented() throws {
        let sleep = try background("sleep", ["1000"])
        defer { sleep.terminate() }
        expect(try attach(sleep.processIdentifier), 126, "nothing to trace", "nopal cflags")
        #expect(sleep.isRunning)
    }

    @Test func staticProgram() throws {
        let build = try Compiler.build(
            "bad-attach-static",
            [
                [
                    "gcc", "-O2", "-static", "-pthread", "-fpatchable-function-entry=5", "{source}/controlled.c", "-o",
                    "controlled",
                ]
            ])
        let process = Process()
        process.executableURL = build.appendingPathComponent("controlled")
        process.standardInput = Pipe()
        process.standardOutput = FileHandle.nullDevice
        try process.start()
        defer { process.terminate() }
        expect(try attach(process.processIdentifier), 126, "static")
        #expect(process.isRunning)
    }

    @Test func stopped() throws {
        let program = try ControlledProgram()
        kill(program.pid, SIGSTOP)
        expect(try attach(program.pid), 126, "stopped", "CONT")
        kill(program.pid, SIGCONT)
        #expect(try program.quit() == 0)
    }

    @Test func tracedByAnother() throws {
        let program = try ControlledProgram()
        let debugger = try background(
            "gdb",
            [
                "-batch", "-p", "\(program.pid)", "-ex",
                "shell while [ ! -e \(program.place.path)/let-go ]; do sleep 0.01; done",
            ])
        while !((try? String(contentsOfFile: "/proc/\(program.pid)/status", encoding: .utf8)) ?? "")
            .contains("TracerPid:\t\(debugger.processIdentifier)")
        { usleep(1000) }
        expect(try attach(program.pid), 126, "traced by process \(debugger.processIdentifier)")
        try Data().write(to: program.place.appendingPathComponent("let-go"))
        debugger.waitUntilExit()
        #expect(try program.quit() == 0)
    }

    @Test func twice() throws {
        let program = try ControlledProgram()
        let attached = try Attached(program)
        expect(try attach(program.pid), 126, "session", "nopal enable")
        #expect(try program.nopal("detach", "\(program.pid)").ending == .exited(0))
        _ = try attached.end()
        #expect(try program.quit() == 0)
    }

    @Test func nothingChosen() throws {
        let program = try ControlledProgram()
        let result = try program.nopal("attach", "\(program.pid)", "-F", "no_such_function")
        #expect(result.ending == .exited(125) && result.errors.contains("sites --live"), "\(result.errors)")
        #expect(try program.changedBytes() == [:])
        #expect(try program.quit() == 0)
    }

    @Test(.enabled(if: Skipping.runs(.root), "becoming another user needs root"))
    func notPermitted() throws {
        let program = try ControlledProgram()
        expect(try attach(program.pid, user: 65534), 126, "does not let this user trace", "ptrace_scope")
        #expect(try program.quit() == 0)
    }

    /// Commands for a process of no session.
    @Test(arguments: ["enable", "disable", "status", "detach"]) func notTraced(_ verb: String) throws {
        let program = try ControlledProgram()
        let globs = verb == "enable" || verb == "disable" ? ["*"] : []
        let directory = try Locations.freshDirectory("bad-verb")
        let result = try ProcessRun(
            program: Locations.nopal, arguments: [verb, "\(program.pid)"] + globs, directory: directory
        ).run()
        expect(result, 126, "no session", "nopal attach")
        let missing = try ProcessRun(
            program: Locations.nopal, arguments: [verb, "4194303"] + globs, directory: directory
        ).run()
        expect(missing, 127, "no process")
        #expect(try program.quit() == 0)
    }
}
