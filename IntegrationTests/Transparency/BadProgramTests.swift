import Foundation
import Testing

/// Programs that cannot be traced: `record` says why and what would help.
@Suite struct BadProgramTests {
    private func record(_ program: String, in place: URL, output: String = "trace") throws -> RunResult {
        try ProcessRun(
            program: Locations.nopal, arguments: ["record", "-o", output, "--", program, "account"], directory: place
        ).run()
    }

    private func make(_ name: String, _ bytes: some Sequence<UInt8>) throws -> (program: String, place: URL) {
        let place = try Locations.freshDirectory("bad-\(name)")
        let url = place.appendingPathComponent("program")
        try Data(bytes).write(to: url)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: url.path)
        return (url.path, place)
    }

    /// The steady program, built with flags of the test's own.
    private func build(_ name: String, _ flags: [String], after: [[String]] = []) throws -> String {
        try Compiler.build(
            "bad-\(name)",
            [
                ["gcc", "-O2", "-c", "{source}/count.c", "-o", "count.o"],
                ["gcc", "-O2"] + flags + ["{source}/steady.c", "count.o", "-o", "steady", "-pthread"],
            ] + after
        ).appendingPathComponent("steady").path
    }

    @Test func missingProgram() throws {
        let result = try record("/nonexistent/program", in: Locations.freshDirectory("bad-missing"))
        expectSentence(result, naming: "/nonexistent/program")
    }

    @Test func missingProgramOnThePath() throws {
        let result = try record("no-such-program-anywhere", in: Locations.freshDirectory("bad-missing"))
        expectSentence(result, naming: "no-such-program-anywhere")
    }

    @Test func directory() throws {
        expectSentence(try record("/tmp", in: Locations.freshDirectory("bad-directory")), naming: "/tmp")
    }

    @Test func notExecutable() throws {
        let (program, place) = try make("not-executable", "text".utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: program)
        expectSentence(try record(program, in: place), naming: program)
    }

    @Test(arguments: ["", "x", "plain text", String(repeating: "\0", count: 4096), "\u{7f}ELF"])
    func notELF(_ text: String) throws {
        let (program, place) = try make("not-elf", text.utf8)
        expectSentence(try record(program, in: place), naming: program)
    }

    /// The real program with one field of its header changed.
    @Test(arguments: [(4, UInt8(1), "32"), (5, 2, "big-endian"), (18, 183, "AArch64"), (18, 40, "32-bit Arm")])
    func foreignELF(_ offset: Int, _ value: UInt8, _ word: String) throws {
        var bytes = [UInt8](
            try Data(contentsOf: URL(fileURLWithPath: try build("instrumented", ["-fpatchable-function-entry=5"]))))
        bytes[offset] = value
        let (program, place) = try make("foreign-\(offset)-\(value)", bytes)
        let result = try record(program, in: place)
        expectSentence(result, naming: program)
        #expect(word.isEmpty || result.errors.contains(word))
    }

    @Test func truncatedELF() throws {
        let whole = [UInt8](
            try Data(contentsOf: URL(fileURLWithPath: try build("instrumented", ["-fpatchable-function-entry=5"]))))
        for length in [32, 64, 200, 1000] {
            let (program, place) = try make("truncated-\(length)", whole.prefix(length))
            expectSentence(try record(program, in: place), naming: program)
        }
    }

    @Test func staticProgram() throws {
        let program = try build("static", ["-static", "-fpatchable-function-entry=5"])
        expectSentence(try record(program, in: Locations.freshDirectory("bad-static")), naming: "static")
    }

    @Test func uninstrumentedProgram() throws {
        let result = try record(build("uninstrumented", []), in: Locations.freshDirectory("bad-uninstrumented"))
        expectSentence(result, naming: "nopal cflags")
    }

    /// Without symbols the sites are still there: it is traced, or a sentence says why not.
    @Test func strippedProgram() throws {
        let program = try build("stripped", ["-s", "-fpatchable-function-entry=5"])
        let result = try record(program, in: Locations.freshDirectory("bad-stripped"))
        if result.ending == .exited(0) {
            #expect(result.output == "done\n", "\(result.command)\n\(result.errors)")
        } else {
            expectSentence(result, naming: "symbol")
        }
    }

    /// The loader drops LD_PRELOAD there. Owned by another user, which only root can arrange.
    @Test(.enabled(if: Skipping.runs(.root), "giving a file to another user needs root"))
    func setuidProgram() throws {
        let program = try build("instrumented", ["-fpatchable-function-entry=5"])
        let (copy, place) = try make("setuid", Data(contentsOf: URL(fileURLWithPath: program)))
        try #require(chown(copy, 65534, 65534) == 0 && chmod(copy, 0o4755) == 0)
        expectSentence(try record(copy, in: place), naming: "setuid")
    }

    @Test(arguments: ["/nonexistent/directory/trace", "/proc/trace", "/"])
    func unwritableOutput(_ output: String) throws {
        let program = try build("instrumented", ["-fpatchable-function-entry=5"])
        let result = try record(program, in: Locations.freshDirectory("bad-output"), output: output)
        expectSentence(result, naming: output)
        #expect(result.output == "", "the program must not run when its trace cannot be written")
    }
}
