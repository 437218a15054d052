import Foundation
import ProcessSupport
import Testing

/// When something goes wrong, the program runs on, and what was recorded stays readable.
@Suite struct FaultTests {
    private func steady(_ options: [String], _ arguments: [String]) throws -> Verification {
        try Verification(TracedProgram(name: "steady", arguments: arguments, recordOptions: options))
    }

    /// Every event of the program is either in the trace or in the count of lost ones.
    @Test(arguments: ["drop", "overwrite"])
    func lostEventsAreCountedExactly(_ mode: String) throws {
        let verification = try steady(["--buffer", "256K", "--when-full", mode], ["4", "100000"])
        let run = try verification.tracedRun()
        let result = try run.run()
        #expect(result.ending == .exited(0), "\(result.command)\n\(result.errors)")
        #expect(result.output == "done\n")
        let own = try verification.counted(run).total
        let info = try verification.info()
        let events = try JSONDecoder().decode(TraceInfo.self, from: Data(info.output.utf8)).events
        // The program unwinds nothing: where the reader says so, it stands for an exit that was lost.
        let recorded = events.entries + events.exits + (events.exits_without_entry ?? 0)
        #expect(recorded + events.lost == own.entries + own.exits, "\(result.command)\n\(info.command)")
        #expect(recorded > 0)
        if mode == "overwrite" { #expect(events.lost > 0, "the buffer was not small enough to test anything") }
    }

    /// A buffer of the smallest size, and waiting: slow, but nothing is lost.
    @Test func waitingLosesNothing() throws {
        let program = TracedProgram(
            name: "steady", arguments: ["4", "50000"], recordOptions: ["--buffer", "256K", "--when-full", "wait"])
        try Verification(program).check()
    }

    /// The program must not wait for a host that is no more.
    @Test(arguments: ["wait", "drop", "overwrite"])
    func programOutlivesItsHost(_ mode: String) throws {
        let verification = try steady(["--buffer", "256K", "--when-full", mode], ["4", "100000", "../marker"])
        let run = try verification.tracedRun()
        let host = try run.start()
        let marker = Marker(verification.place.appendingPathComponent("traced/marker"))
        let pid = try marker.waitForProcess(unlessEnded: host)
        #expect(process_kill(host, SIGKILL) == 0)
        let killed = try run.finish(host)
        #expect(killed.ending == .signalled(SIGKILL))
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

    /// A file system of 1 MB under the trace; needs root for the mount.
    @Test(.enabled(if: Skipping.runs(.root), "mounting a small file system needs root"))
    func programOutlivesAFullDisk() throws {
        let verification = try steady(["--buffer", "1M"], ["4", "200000"])
        let small = verification.place.appendingPathComponent("small")
        try FileManager.default.createDirectory(at: small, withIntermediateDirectories: true)
        try #require(mount("tmpfs", small.path, "tmpfs", 0, "size=1m") == 0, "\(String(cString: strerror(errno)))")
        defer { umount(small.path) }
        var run = try verification.tracedRun()
        let full = small.appendingPathComponent("trace").path
        run.arguments[2] = full
        let result = try run.run()
        #expect(result.output == "done\n", "\(result.command): \(result.ending)\n\(result.errors)")
        #expect(result.errors.localizedCaseInsensitiveContains("space"), "the reason is to be named: \(result.errors)")
        let info = try ProcessRun(
            program: Locations.nopal, arguments: ["info", full, "--json"], directory: verification.place
        ).run()
        #expect(info.ending == .exited(0), "what was written must be readable: \(info.errors)")
        let own = try verification.counted(run).total
        #expect(own.entries == own.exits)
    }

    /// More memory than there may be: a sentence, not a crash.
    @Test func memoryThatCannotBeHadIsRefused() throws {
        let verification = try steady(["--buffer", "64G"], ["1", "10"])
        var run = try verification.tracedRun()
        run.limits.memory_limit_bytes = 8 << 30
        let result = try run.run()
        expectSentence(result, naming: "")
    }
}

/// A clear sentence and a non-zero exit status that is not a crash's.
func expectSentence(_ result: RunResult, naming word: String) {
    let all: Comment = "\(result.command): \(result.ending)\n\(result.errors)"
    guard case .exited(let status) = result.ending else {
        Issue.record(all)
        return
    }
    #expect(status != 0 && status < 128, all)
    #expect(result.errors.split(separator: "\n").contains { $0.split(separator: " ").count >= 4 }, all)
    #expect(word.isEmpty || result.errors.contains(word), all)
    #expect(!result.errors.contains("Fatal error") && !result.errors.contains("Stack dump"), all)
}
