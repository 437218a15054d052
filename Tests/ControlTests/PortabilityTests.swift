import Foundation
import Testing

/// What runs in a traced process, or thinks about one, assumes x86-64 only in files that say so in their name.
@Suite struct PortabilityTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Sources")

    /// Registers, instructions, and numbers of system calls that only x86-64 has.
    private static var words: Regex<(Substring, Substring)> {
        #/\b(rdtsc|xadd|fs:|%r[0-9a-z]+|rax|rbx|rsp|rip|syscall\b.*\bcx|__x86_64__)\b/#
    }

    private func sources(of module: String, _ endings: [String]) throws -> [URL] {
        let folder = Self.root.appendingPathComponent(module)
        let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
        return (files?.allObjects as? [URL] ?? []).filter { endings.contains($0.pathExtension) }
    }

    private func code(of file: URL) throws -> [String] {
        try String(contentsOf: file, encoding: .utf8).split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.prefix(upTo: $0.firstRange(of: "//")?.lowerBound ?? $0.endIndex) }.map(String.init)
    }

    @Test func theAgentAssumesNothing() throws {
        let files =
            try sources(of: "Agent", ["swift"]) + sources(of: "AgentShims", ["c", "h", "S"])
            + sources(of: "Attacher", ["swift", "h", "S"])
        try #require(files.count > 40)
        var isFound = false
        for file in files {
            let name = file.lastPathComponent
            let guilty = try code(of: file).filter {
                $0.firstMatch(of: Self.words) != nil && !$0.contains("#if") && !$0.contains("#elif")
            }
            if name.contains("x86_64") {
                isFound = isFound || !guilty.isEmpty
            } else {
                #expect(guilty.isEmpty, "\(name): \(guilty)")
            }
        }
        // The words are ones that stand somewhere.
        #expect(isFound)
    }

    /// System calls go by the names of `CallNumber`.
    @Test func systemCallsHaveNames() throws {
        let files = try sources(of: "Agent", ["swift"]) + sources(of: "Attacher", ["swift"])
        for file in files where !file.lastPathComponent.contains("x86_64") {
            let guilty = try code(of: file).filter { $0.firstMatch(of: #/System\.call\([0-9]|\bcall\([0-9]/#) != nil }
            #expect(guilty.isEmpty, "\(file.lastPathComponent): \(guilty)")
        }
    }

    /// Each set has a file for what only it knows.
    @Test func everySetHasItsFiles() throws {
        let names = Set(try sources(of: "AgentShims", ["h", "S"]).map(\.lastPathComponent))
        for isa in ["x86_64", "aarch64", "arm"] {
            #expect(names.contains("processor_\(isa).h") && names.contains("slow_\(isa).S"))
        }
    }
}
