import Glibc
import TestSupport
import Testing
import TraceFormat

/// What the verbs print of two small traces, compared with files in Tests/Golden.
///
/// NOPAL_UPDATE_GOLDEN=1 writes the files instead; look at the difference before committing it.
@Suite struct GoldenTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var arguments: String
        var testDescription: String { name }
    }

    static let cases: [Case] = [
        Case(name: "replay.txt", arguments: "replay sample.trace"),
        Case(name: "replay-flat.txt", arguments: "replay --flat sample.trace"),
        Case(name: "replay-tid.txt", arguments: "replay --tid 102 sample.trace"),
        Case(name: "replay-filter.txt", arguments: "replay -F 'ns::parse' -N 'token*' -D 2 sample.trace"),
        Case(name: "replay-time.txt", arguments: "replay -t 2us sample.trace"),
        Case(name: "report.txt", arguments: "report sample.trace"),
        Case(name: "report.json", arguments: "report --json --sort calls sample.trace"),
        Case(name: "report-thread.txt", arguments: "report --by thread --limit 2 sample.trace"),
        Case(name: "report-module.json", arguments: "report --by module --json sample.trace"),
        Case(name: "graph.txt", arguments: "graph sample.trace"),
        Case(name: "graph-function.txt", arguments: "graph sample.trace token"),
        Case(name: "graph.json", arguments: "graph --json --depth 2 sample.trace"),
        Case(name: "info.txt", arguments: "info --by-function sample.trace"),
        Case(name: "info.json", arguments: "info --json --threads --by-function sample.trace"),
        Case(name: "info-stopped.txt", arguments: "info stopped.trace"),
        Case(name: "report-damaged.txt", arguments: "report damaged.trace"),
        Case(name: "info-foreign.txt", arguments: "info /dev/null"),
    ]

    @Test(arguments: cases) func printsWhatItDid(_ item: Case) throws {
        let output = try GoldenTests.output(of: item.arguments)
        let path = GoldenTests.folder + item.name
        if getenv("NOPAL_UPDATE_GOLDEN") != nil { return try write(Array(output.utf8), to: path) }
        let expected = String(decoding: try contents(path), as: UTF8.self)
        #expect(
            output == expected, "nopal \(item.arguments)\nTests/Golden/\(item.name) has:\n\(expected)\nnow:\n\(output)")
    }

    private static let folder =
        #filePath.split(separator: "/", omittingEmptySubsequences: false)
        .dropLast(2).joined(separator: "/") + "/Golden/"

    /// Both streams of the built command, which lies beside the tests, and its exit code.
    private static func output(of arguments: String) throws -> String {
        try withTemporaryPath { path in
            let directory = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(
                separator: "/")
            let names = ["sample.trace", "stopped.trace", "damaged.trace"].map { directory + "/" + $0 }
            defer { for name in names { unlink(name) } }
            try sample(names[0])
            let whole = try contents(names[0])
            // The end mark is missing, as after a kill of the recorder; one bit of an event is wrong.
            try write(Array(whole.dropLast(TraceFile.chunkHeaderByteCount)), to: names[1])
            var damaged = whole
            let event = EventWord(kind: .unwound, payload: 5, tickLow: 1_750).raw
            let place = whole.indices.dropLast(8).first { at in
                (0..<8).allSatisfy { whole[at + $0] == UInt8(truncatingIfNeeded: event >> ($0 * 8)) }
            }
            damaged[try #require(place)] ^= 4
            try write(damaged, to: names[2])
            var executable = [CChar](repeating: 0, count: 4096)
            guard readlink("/proc/self/exe", &executable, executable.count - 1) > 0 else {
                throw CommandFailure(errno: errno)
            }
            let beside = String(decoding: executable.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let nopal =
                beside.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
                + "/nopal"
            return try shell("cd \(directory) && { '\(nopal)' \(arguments) 2>&1; echo \"exit code $?\"; }")
        }
    }

    private static func shell(_ command: String) throws -> String {
        guard let pipe = popen(command, "r") else { throw CommandFailure(errno: errno) }
        defer { pclose(pipe) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = fread(&buffer, 1, buffer.count, pipe)
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }

    /// Two threads; calls that return, unwind, stay open, go on on another stack, have no exits;
    /// recursion; a loss.
    private static func sample(_ path: String) throws {
        let builder = try TraceBuilder(
            path: path,
            functions: ["main", "_ZN2ns5parseEPKc", "token", "helper", "_ZN2ns4failEv", "noreturn", "fiber"],
            entryOnly: ["noreturn"])
        try builder.thread(1, tid: 101)
        try builder.thread(2, tid: 102, name: "worker")
        let first: [(EventKind, UInt32, UInt64)] = [
            (.entry, 1, 100), (.entry, 2, 1_100), (.entry, 3, 1_350), (.exit, 3, 1_850), (.entry, 3, 2_000),
            (.entry, 3, 2_200), (.exit, 3, 5_200), (.exit, 3, 6_000), (.entryOnly, 6, 6_100), (.exit, 2, 1_006_500),
            (.entry, 4, 2_000_000), (.entry, 7, 2_001_000), (.exit, 4, 2_002_000), (.entry, 3, 2_003_000),
            (.exit, 3, 2_004_000), (.exit, 7, 2_005_000),
        ]
        for event in first { try builder.event(1, event.0, event.1, event.2) }
        let second: [(EventKind, UInt32, UInt64)] = [
            (.entry, 4, 500), (.entry, 5, 1_500), (.unwound, 5, 1_750), (.unwound, 4, 1_751), (.exit, 3, 1_900),
            (.entry, 2, 70_000_000_000), (.exit, 2, 140_000_000_000),
        ]
        for event in second { try builder.event(2, event.0, event.1, event.2) }
        try builder.flush(2)
        builder.threads[2]?.lostBefore = 7
        try builder.event(2, .entry, 4, 140_000_001_000)
        try builder.event(2, .exit, 4, 140_000_001_100)
        try builder.finish(
            ledger: LedgerRecord(lostEvents: 7, waitedNanos: 12_345, notes: ["a note for a person"], waitStatus: 0))
    }
}

private struct CommandFailure: Error { var errno: Int32 }
