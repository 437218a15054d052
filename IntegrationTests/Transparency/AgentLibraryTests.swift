import Foundation
import Testing

/// What the agent brings into somebody else's process.
@Suite struct AgentLibraryTests {
    private func output(_ tool: String, _ arguments: [String]) throws -> String {
        let program = try #require(Compiler.find(tool), "\(tool) is not installed: apt install binutils")
        let place = try Locations.freshDirectory("agent-\(tool)")
        let result = try ProcessRun(program: program, arguments: arguments + [Locations.agent], directory: place).run()
        try #require(result.ending == .exited(0), "\(result.command)\n\(result.errors)")
        try FileManager.default.removeItem(at: place)
        return result.output
    }

    private func dynamicSymbols(isDefined: Bool) throws -> [String] {
        try output("nm", ["-D", isDefined ? "--defined-only" : "--undefined-only"])
            .split(separator: "\n").compactMap { $0.split(separator: " ").last.map { String($0.prefix { $0 != "@" }) } }
    }

    /// An agent that exports its own swift_retain crashes Swift programs.
    @Test func exportsOnlyItsOwnNames() throws {
        let exported = try dynamicSymbols(isDefined: true).filter { $0 != "thread_state" }
        #expect(exported.contains("nopal_enter"))
        #expect(exported.filter { !$0.hasPrefix("nopal_") } == [])
    }

    /// All are weak: the agent runs where they are missing. No malloc, no stdio; a thread only where the host asks
    /// for it.
    @Test func asksForNothingBeyondTheList() throws {
        let allowed: Set<String> = [
            "__register_atfork", "_r_debug", "__tls_get_addr", "dl_iterate_phdr", "pthread_create", "pthread_detach",
        ]
        #expect(try Set(dynamicSymbols(isDefined: false)).subtracting(allowed) == [])
    }

    @Test func needsNoLibrary() throws {
        let needed = try output("readelf", ["-dW"]).split(separator: "\n").filter { $0.contains("(NEEDED)") }
        #expect(needed.filter { !$0.contains("[libc.so.6]") } == [])
    }

    /// Its slow paths save general registers only, so no other may be touched.
    @Test func touchesNoVectorOrFloatingPointRegister() throws {
        let assembly = try output("objdump", ["-d", "--no-show-raw-insn"])
        try #require(assembly.contains("<nopal_enter"))
        let guilty = assembly.split(separator: "\n").filter {
            $0.firstMatch(of: /%[xyz]mm[0-9]|%mm[0-7]|%k[0-7]\b|%st\b/) != nil
        }
        let outsideOfSaves = guilty.filter { !$0.contains("xsave") && !$0.contains("xrstor") }
        #expect(outsideOfSaves == [])
    }

    @Test func textIsSmall() throws {
        let sections = try output("readelf", ["-SW"])
        let line = try #require(sections.split(separator: "\n").first { $0.contains(" .text ") })
        let fields = line.split(separator: " ")
        let at = try #require(fields.firstIndex(of: ".text"))
        let bytes = try #require(Int(fields[at + 4], radix: 16))
        #expect(bytes > 1024 && bytes <= 64 * 1024, "text is \(bytes) bytes")
    }
}
