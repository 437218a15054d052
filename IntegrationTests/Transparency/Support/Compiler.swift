import Foundation

enum CompilerError: Error, CustomStringConvertible {
    case failed(command: String, errors: String)

    var description: String {
        switch self {
        case .failed(let command, let errors): "\(command)\n\(errors)"
        }
    }
}

/// Runs real compilers; results are kept under .cache by a hash of everything they depend on.
enum Compiler {
    /// The files that `commands` (each: compiler and arguments, run in order in an empty directory
    /// with `{source}` standing for the programs' directory) leave behind.
    static func build(_ name: String, _ commands: [[String]]) throws -> URL {
        let key = try hash(commands)
        let kept = Locations.cache.appendingPathComponent(
            "build/\(name.replacingOccurrences(of: "/", with: "."))-\(key)")
        if FileManager.default.fileExists(atPath: kept.path) { return kept }
        let work = try Locations.freshDirectory("build-\(name)")
        for command in commands { try run(command, in: work) }
        try FileManager.default.createDirectory(
            at: kept.deletingLastPathComponent(), withIntermediateDirectories: true)
        // Another test may have been quicker; then its result stands.
        if rename(work.path, kept.path) != 0 { try? FileManager.default.removeItem(at: work) }
        return kept
    }

    /// The absolute path of a tool, or nil when it is not installed.
    static func find(_ tool: String) -> String? {
        if tool.hasPrefix("/") { return tool }
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return path.split(separator: ":").map { "\($0)/\(tool)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// A launcher that has the kernel refuse membarrier.
    static func withoutMembarrier() throws -> String {
        try build("without_membarrier", [["gcc", "-Wall", "-O1", "{source}/without_membarrier.c", "-o", "launch"]])
            .appendingPathComponent("launch").path
    }

    private static func run(_ command: [String], in directory: URL) throws {
        let words = command.map { $0.replacingOccurrences(of: "{source}", with: Locations.programs.path) }
        let program = find(words[0]) ?? words[0]
        let result = try ProcessRun(
            program: program, arguments: Array(words.dropFirst()), directory: directory
        ).run()
        if result.ending != .exited(0) {
            throw CompilerError.failed(command: result.command, errors: result.output + result.errors)
        }
    }

    /// All sources count as dependencies: they are few, and a stale binary costs more than a build.
    private static func hash(_ commands: [[String]]) throws -> String {
        var state: UInt64 = 0xcbf2_9ce4_8422_2325
        func mix(_ bytes: some Sequence<UInt8>) {
            for byte in bytes { state = (state ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
        let named = commands.flatMap { $0 }
        mix(named.joined(separator: "\u{1}").utf8)
        mix(Locations.programs.path.utf8)
        let sources = Set(named.filter { $0.hasPrefix("{source}/") }.map { String($0.dropFirst(9)) })
        for source in sources.union(["count.h", "count.c"]).sorted() {
            mix(try Data(contentsOf: Locations.programs.appendingPathComponent(source)))
        }
        return String(state, radix: 16)
    }
}
