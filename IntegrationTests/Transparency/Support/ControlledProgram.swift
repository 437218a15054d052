import Foundation
import ProcessSupport
import Testing

/// `Programs/controlled.c`, running: it does what it is told, a line a command.
final class ControlledProgram {
    let place: URL
    let build: URL
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var pending = Data()
    let pid: Int32

    static let workers = 4

    /// - Parameters:
    ///   - recorded: started below `nopal record`, which writes `trace` in `place`.
    ///   - launcher: a program that starts all of this.
    init(_ variant: Variant = .gccO2, recorded options: [String]? = nil, launcher: String? = nil) throws {
        var program = TracedProgram(name: "controlled", variant: variant)
        program.library = .opened
        build = try program.build()
        place = try Locations.freshDirectory("controlled-\(variant.rawValue)")
        let executable = build.appendingPathComponent("controlled").path
        if let options {
            process.executableURL = URL(fileURLWithPath: Locations.nopal)
            process.arguments =
                ["record", "-o", place.appendingPathComponent("trace").path] + (variant.target?.options ?? []) + options
                + ["--", executable, "account"]
        } else {
            process.executableURL = URL(fileURLWithPath: executable)
            process.arguments = ["account"]
        }
        if let launcher, let program = process.executableURL {
            process.arguments = [program.path] + (process.arguments ?? [])
            process.executableURL = URL(fileURLWithPath: launcher)
        }
        process.environment = ProcessRun.plainEnvironment
        process.currentDirectoryURL = place
        process.standardInput = input
        process.standardOutput = output
        try process.start()
        let first = Self.line(output, &pending)
        guard let first, first.hasPrefix("ready "), let pid = Int32(first.dropFirst(6)) else {
            throw ControlledError.unexpected(first ?? "the end")
        }
        self.pid = pid
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    var trace: URL { place.appendingPathComponent("trace") }
    var library: String { build.appendingPathComponent("controlled.so").path }

    /// Gives a command; the number of the answer.
    @discardableResult
    func tell(_ command: String) throws -> Int {
        try input.fileHandleForWriting.write(contentsOf: Data((command + "\n").utf8))
        return try answer()
    }

    func answer() throws -> Int {
        guard let line = Self.line(output, &pending), let number = Int(line.split(separator: " ").last ?? "") else {
            throw ControlledError.unexpected("the end of the program")
        }
        return number
    }

    private static func line(_ pipe: Pipe, _ pending: inout Data) -> String? {
        while true {
            if let end = pending.firstIndex(of: 10) {
                let line = String(decoding: pending[pending.startIndex..<end], as: UTF8.self)
                pending = Data(pending[pending.index(after: end)...])
                return line
            }
            let more = pipe.fileHandleForReading.availableData
            if more.isEmpty { return nil }
            pending.append(more)
        }
    }

    /// What its threads saw that they should not have.
    func troubles() throws -> (interrupted: Int, wrong: Int) {
        let interrupted = try tell("report")
        return (interrupted, try answer())
    }

    /// Ends it; the status of the program, or of `nopal record`.
    @discardableResult
    func quit() throws -> Int32 {
        _ = try tell("quit")
        process.waitUntilExit()
        return process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
    }

    /// `nopal` with these arguments, to its end.
    func nopal(_ arguments: String...) throws -> RunResult {
        let directory = try Locations.freshDirectory("controlled-nopal")
        return try ProcessRun(program: Locations.nopal, arguments: arguments, directory: directory).run()
    }

    /// The same, which must succeed and print JSON.
    func json(_ arguments: String...) throws -> [String: Any] {
        let directory = try Locations.freshDirectory("controlled-nopal")
        let result = try ProcessRun(program: Locations.nopal, arguments: arguments + ["--json"], directory: directory)
            .run()
        try #require(result.ending == .exited(0), "\(result.command)\n\(result.errors)")
        let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
        return try #require(object as? [String: Any])
    }

    /// How often functions were called in the trace, all threads together.
    func entries(_ trace: URL? = nil) throws -> [String: Int] {
        let info = try nopal("info", (trace ?? self.trace).path, "--json", "--by-function")
        try #require(info.ending == .exited(0), "\(info.command)\n\(info.errors)")
        return try Account(infoJSON: info.output).byFunction.mapValues(\.entries)
    }

    /// Bytes of its code in memory that are not those of the files; the name of the file for each.
    func changedBytes() throws -> [String: Int] {
        let maps = try String(contentsOfFile: "/proc/\(pid)/maps", encoding: .utf8)
        let memory = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/proc/\(pid)/mem"))
        defer { try? memory.close() }
        var changed: [String: Int] = [:]
        for line in maps.split(separator: "\n") {
            let parts = line.split(separator: " ", omittingEmptySubsequences: true)
            guard parts.count >= 6, parts[1].contains("x"), parts[5].hasPrefix("/"), !parts[5].hasPrefix("/memfd:")
            else { continue }
            let ends = parts[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
            let offset = try #require(UInt64(parts[2], radix: 16))
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: String(parts[5])))
            defer { try? file.close() }
            try memory.seek(toOffset: ends[0])
            try file.seek(toOffset: offset)
            let inMemory = try #require(try memory.read(upToCount: Int(ends[1] - ends[0])))
            let inFile = try #require(try file.read(upToCount: Int(ends[1] - ends[0])))
            let differing = zip(inMemory, inFile).reduce(0) { $0 + ($1.0 == $1.1 ? 0 : 1) }
            if differing > 0 { changed[String(parts[5]), default: 0] += differing }
        }
        return changed
    }

    /// Mappings that are both writable and executable.
    func openText() throws -> [String] {
        try String(contentsOfFile: "/proc/\(pid)/maps", encoding: .utf8).split(separator: "\n")
            .filter { $0.split(separator: " ")[1].hasPrefix("rwx") || $0.split(separator: " ")[1].contains("wx") }.map(
                String.init)
    }

    func count(_ folder: String) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/\(folder)").count
    }
}

enum ControlledError: Error { case unexpected(String) }

/// `nopal attach`, running.
final class Attached {
    private let run: ProcessRun
    private let host: Int32
    let trace: URL

    /// Attaches; returns when it is said that all is armed.
    init(_ program: ControlledProgram, _ options: [String] = []) throws {
        let directory = try Locations.freshDirectory("attach")
        trace = directory.appendingPathComponent("trace")
        run = ProcessRun(
            program: Locations.nopal, arguments: ["attach", "\(program.pid)", "-o", trace.path] + options,
            directory: directory)
        host = try run.start()
        let said = directory.appendingPathComponent("stderr")
        while process_await_end(host, 2) == 0 {
            if let text = try? String(contentsOf: said, encoding: .utf8), text.contains("attached to \(program.pid)") {
                return
            }
        }
        let result = try run.finish(host)
        throw ControlledError.unexpected("\(result.command): \(result.ending) \(result.errors)")
    }

    /// Waits for its end, which has to be asked for.
    func end() throws -> RunResult { try run.finish(host) }

    func signal(_ number: Int32) { _ = process_kill(host, number) }
}
