import Foundation
import Testing

@testable import Programs

@Suite struct TraceableProgramTests {
    func error(_ name: String) -> ProgramError? {
        do { _ = try traceableProgram(name) } catch { return error }
        return nil
    }

    @Test func findsAlongPath() throws {
        let program = try traceableProgram("ls")
        #expect(program.path.hasSuffix("/ls"))
        #expect(!program.hasSites)
        #expect(program.notes.count == 1)
        #expect(error("no-such-program-here") == .noSuchProgram("no-such-program-here", isPath: false))
    }

    @Test func instrumented() throws {
        for flags in ["-fpatchable-function-entry=5", "-pg", "-pg -mfentry"] {
            let program = try traceableProgram(try Built.program(Built.sample, "gcc \(flags)"))
            #expect(program.hasSites)
            #expect(program.notes.isEmpty)
        }
    }

    /// The program itself has none, its library has.
    @Test func instrumentedLibrary() throws {
        let library = Built.folder.appendingPathComponent("libpart.so").path
        let source = Built.folder.appendingPathComponent("part.c").path
        try "int part(int a) { return a + 1; }".write(toFile: source, atomically: true, encoding: .utf8)
        try Built.run(["gcc", "-shared", "-fPIC", "-fpatchable-function-entry=5", source, "-o", library])
        let program = try Built.program(
            "int part(int); int main(void) { return part(1); }",
            "gcc -L\(Built.folder.path) -Wl,-rpath,$ORIGIN -Wl,--no-as-needed -lpart")
        #expect(try traceableProgram(program).hasSites)
    }

    @Test func refusals() throws {
        let still = try Built.program("int main(void) { return 0; }", "gcc -static")
        #expect(error(still) == .isStatic(path: still))
        let unexecutable = try Built.program("int main(void) { return 0; }", "gcc")
        try Built.run(["chmod", "-x", unexecutable])
        #expect(error(unexecutable) == .notExecutable(path: unexecutable))
        let script = Built.folder.appendingPathComponent("script").path
        try "#!/no/such/shell -x\n".write(toFile: script, atomically: true, encoding: .utf8)
        try Built.run(["chmod", "+x", script])
        #expect(error(script) == .interpreterMissing(script: script, interpreter: "/no/such/shell"))
    }

    /// The loader drops LD_PRELOAD for a program that gains rights, so it is refused beforehand.
    @Test(.enabled(if: geteuid() == 0, "only root can give a file to somebody else"))
    func programsThatGainRights() throws {
        let path = try Built.program("int main(void) { return 0; }", "gcc -fpatchable-function-entry=5")
        try #require(chown(path, 1, 0) == 0 && chmod(path, 0o4755) == 0)
        #expect(error(path) == .isPrivileged(path: path, what: "its owner's rights (setuid)"))
        try #require(chown(path, 0, 1) == 0 && chmod(path, 0o2755) == 0)
        #expect(error(path) == .isPrivileged(path: path, what: "its group's rights (setgid)"))
        // One's own rights are no gain.
        try #require(chown(path, geteuid(), getegid()) == 0 && chmod(path, 0o6755) == 0)
        #expect(error(path) == nil)
    }

    @Test func script() throws {
        let script = Built.folder.appendingPathComponent("shell-script").path
        try "#! /bin/sh\ntrue\n".write(toFile: script, atomically: true, encoding: .utf8)
        try Built.run(["chmod", "+x", script])
        let program = try traceableProgram(script)
        #expect(program.path == script)
        #expect(program.executable == "/bin/sh")
        #expect(program.notes.first?.contains("is a script") == true)
    }
}
