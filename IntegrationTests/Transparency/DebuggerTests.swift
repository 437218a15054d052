import Foundation
import ProcessSupport
import Testing

/// gdb sees through traced frames.
@Suite struct DebuggerTests {
    @Test(arguments: TracedProgram(name: "deep", arguments: ["../marker"]).built([.gccO2, .gccO0, .clangO2]))
    func debuggerSeesTheSameStack(_ program: TracedProgram) throws {
        let verification = try Verification(program)
        let plain = try functionsInDebugger(verification.plainRun())
        let traced = try functionsInDebugger(verification.tracedRun())
        #expect(plain.contains("bottom") && plain.last == "main", "gdb: \(plain)")
        let tracedRun = try verification.tracedRun()
        #expect(traced == plain, verification.rerun(tracedRun))
        if traced == plain { try FileManager.default.removeItem(at: verification.place) }
    }

    /// The functions of main's thread from the innermost, without frames that belong to Nopal.
    private func functionsInDebugger(_ run: ProcessRun) throws -> [String] {
        let gdb = try #require(Compiler.find("gdb"), "gdb is not installed: apt install gdb")
        let child = try run.start()
        let marker = Marker(run.directory.deletingLastPathComponent().appendingPathComponent("marker"))
        let pid = try marker.waitForProcess(unlessEnded: child)
        let place = run.directory.appendingPathComponent("gdb")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        let stack = try ProcessRun(
            program: gdb, arguments: ["-nx", "-batch", "-p", "\(pid)", "-ex", "thread 1", "-ex", "bt"], directory: place
        ).run()
        marker.remove()
        let result = try run.finish(child)
        #expect(result.ending == .exited(0), "\(result.command)\n\(result.errors)")
        return functions(stack.output)
    }

    private func functions(_ backtrace: String) -> [String] {
        let names = backtrace.split(separator: "\n").filter { $0.hasPrefix("#") }.compactMap { line in
            line.firstMatch(of: /^#\d+ +(?:0x[0-9a-f]+ in )?([^ ]+)/).map { String($0.1) }
        }
        guard let first = names.firstIndex(of: "bottom") else { return names }
        return names[first...].filter { $0 != "??" && !$0.contains("nopal") }
    }
}
