import Foundation
import ProcessSupport

/// How a process ended.
enum Ending: Equatable, CustomStringConvertible {
    case exited(Int32)
    case signalled(Int32)
    /// It did not end within its limit, and its process group was killed.
    case timedOut

    init(waitStatus: Int32) {
        let signal = waitStatus & 0x7f
        self = signal == 0 ? .exited((waitStatus >> 8) & 0xff) : .signalled(signal)
    }

    var description: String {
        switch self {
        case .exited(let code): "exit \(code)"
        case .signalled(let number): "signal \(number)"
        case .timedOut: "killed: it did not end in time"
        }
    }

    /// What a shell, and `nopal record`, makes of it.
    var shellStatus: Ending {
        if case .signalled(let number) = self { .exited(128 + number) } else { self }
    }
}

/// What a finished process left.
struct RunResult {
    var ending: Ending
    var output: String
    var errors: String
    /// To paste into a shell.
    var command: String
}

enum ProcessRunError: Error, CustomStringConvertible {
    case cannotStart(program: String, errno: Int32)
    case waitFailed(program: String, errno: Int32)

    var description: String {
        switch self {
        case .cannotStart(let program, let code):
            "\(program) cannot be started: \(String(cString: strerror(code)))"
        case .waitFailed(let program, let code):
            "waiting for \(program) failed: \(String(cString: strerror(code)))"
        }
    }
}

/// A process that a test started and has to wait for.
struct ProcessRun {
    var program: String
    var arguments: [String]
    var directory: URL
    var environment: [String: String] = ProcessRun.plainEnvironment
    var limits = process_limits()
    /// Only to end a run that hangs; nothing passes or fails by how long it took.
    var limitSeconds: Int32 = 120

    static let plainEnvironment: [String: String] = [
        "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin",
        "HOME": "/tmp", "LANG": "C.UTF-8", "NOPAL_TEST_MARK": "kept",
    ]

    private var outputURL: URL { directory.appendingPathComponent("stdout") }
    private var errorsURL: URL { directory.appendingPathComponent("stderr") }

    var command: String {
        let words = [program] + arguments
        return "cd \(directory.path) && "
            + words.map { $0.allSatisfy { !" '\"$;&|<>()*?".contains($0) } ? $0 : "'\($0)'" }
            .joined(separator: " ")
    }

    /// Starts it; the process id.
    func start() throws -> Int32 {
        let argv = ([program] + arguments).map { strdup($0) } + [nil]
        let pairs = environment.sorted { $0.key < $1.key }.map { strdup("\($0.key)=\($0.value)") } + [nil]
        let files = [directory, outputURL, errorsURL].map { strdup($0.path) } + [nil]
        defer { (argv + pairs + files).forEach { free($0) } }
        let pid = process_start(program, argv, pairs, files, limits)
        if pid < 0 { throw ProcessRunError.cannotStart(program: program, errno: -pid) }
        return pid
    }

    func finish(_ pid: Int32) throws -> RunResult {
        var status: Int32 = 0
        let ended = process_wait(pid, limitSeconds * 1000, &status)
        if ended < 0 { throw ProcessRunError.waitFailed(program: program, errno: -ended) }
        return RunResult(
            ending: ended == 0 ? .timedOut : Ending(waitStatus: status),
            output: text(outputURL), errors: text(errorsURL), command: command)
    }

    func run() throws -> RunResult { try finish(start()) }

    private func text(_ url: URL) -> String {
        String(decoding: (try? Data(contentsOf: url)) ?? Data(), as: UTF8.self)
    }
}
