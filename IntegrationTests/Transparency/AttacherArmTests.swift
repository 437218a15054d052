import Foundation
import Testing

/// `nopal-attach-*`, as programs: what they need, and what they say to bad input that needs no kernel of Arm. That they
/// attach is shown by `make arm-system-test`.
@Suite struct AttacherArmTests {
    static let sets = ["aarch64", "arm"]

    private func attacher(_ name: String) -> String {
        URL(fileURLWithPath: Locations.agent).deletingLastPathComponent()
            .appendingPathComponent("nopal-attach-\(name)").path
    }

    private func run(_ name: String, _ arguments: [String]) throws -> RunResult {
        let emulator = try #require(
            Compiler.find("qemu-\(name)"), "qemu-\(name) is not installed: scripts/setup test")
        let place = try Locations.freshDirectory("attacher")
        defer { try? FileManager.default.removeItem(at: place) }
        return try ProcessRun(program: emulator, arguments: [attacher(name)] + arguments, directory: place).run()
    }

    /// Nothing of the board's, and little of its memory.
    @Test(arguments: sets) func itIsStaticAndSmall(_ name: String) throws {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: attacher(name)))
        let bytes = try #require(try file.readToEnd())
        #expect(bytes.count <= 64 << 10, "\(bytes.count)")
        let headers = try ProcessRun(
            program: try #require(Compiler.find("readelf")), arguments: ["-lW", attacher(name)],
            directory: FileManager.default.temporaryDirectory
        ).run()
        #expect(headers.ending == .exited(0) && headers.output.contains("LOAD"))
        #expect(!headers.output.contains("INTERP") && !headers.output.contains("DYNAMIC"))
    }

    @Test(arguments: sets) func helpIsOnStandardOutput(_ name: String) throws {
        for option in ["-h", "--help"] {
            let result = try run(name, [option])
            #expect(result.ending == .exited(0) && result.errors.isEmpty)
            #expect(result.output.hasPrefix("usage: nopal-attach -p PID"))
        }
    }

    @Test(arguments: sets) func badInput(_ name: String) throws {
        let own = String(ProcessInfo.processInfo.processIdentifier)
        let cases: [(arguments: [String], status: Int32, says: String)] = [
            ([], 2, "nopal-attach: -p PID is missing"),
            (["-p"], 2, "nopal-attach: an option that is not known, or without its value: -p"),
            (["-p", "12x", "a", "b"], 2, "nopal-attach: -p takes the number of a process"),
            (["-p", own], 2, "nopal-attach: PLAN and AGENT are missing"),
            (["-p", own, "a"], 2, "nopal-attach: AGENT is missing"),
            (["-p", own, "a", "b", "c"], 2, "nopal-attach: one argument too many: c"),
            (["-q", own], 2, "nopal-attach: an option that is not known, or without its value: -q"),
            (["-p", "4194304", "a", "b"], 1, "nopal-attach: 4194304: there is no such process"),
            (["-p", own, "/nonexistent/a", "b"], 1, "the plan can't be read: /nonexistent/a"),
            (
                ["-p", own, attacher(name), attacher(name)], 1,
                "its program is of another instruction set than this nopal-attach"
            ),
        ]
        for (arguments, status, says) in cases {
            let result = try run(name, arguments)
            #expect(result.ending == .exited(status), "\(arguments): \(result.errors)")
            #expect(result.errors.contains(says) && result.output.isEmpty, "\(arguments): \(result.errors)")
            // Usage follows where the command line is wrong, and nothing else does.
            #expect(result.errors.contains("usage:") == (status == 2))
        }
    }
}
