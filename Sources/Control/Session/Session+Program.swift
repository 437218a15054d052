import CSupport
import Glibc
import TraceFormat

/// Starting a program with the agent preloaded.
extension Session {
    func launch(_ executable: String, _ arguments: [String]) throws(ControlError) -> pid_t {
        // The agent takes the last two out again (see Environment.swift of the agent).
        if let target = options.target { return try launch(executable, arguments, on: target) }
        var environment = environmentList()
        let preloads = environment.first { $0.hasPrefix("LD_PRELOAD=") }.map { ":" + $0.dropFirst(11) } ?? ""
        environment.append("LD_PRELOAD=\(options.agentPath)\(preloads)")
        environment.append("NOPAL_SESSION=\(socket.path)")
        return try spawn(executable, arguments, environment)
    }

    private func launch(_ executable: String, _ arguments: [String], on target: Target) throws(ControlError) -> pid_t {
        let variables = ["LD_PRELOAD=\(options.agentPath)", "NOPAL_SESSION=\(socket.path)"]
        // qemu takes a comma for the end of a variable.
        guard !variables.contains(where: { $0.contains(",") }) else {
            throw .badTarget("\(options.agentPath): the emulator can't be told a path with a comma")
        }
        return try spawn(
            target.emulator, target.command(executable, arguments, variables: variables), environmentList())
    }

    private func spawn(
        _ executable: String, _ arguments: [String], _ environment: [String]
    ) throws(ControlError) -> pid_t {
        let program = unsafe CStringList.with(arguments) { arguments in
            unsafe CStringList.with(environment) { environment in
                unsafe nopal_spawn(executable, arguments, environment)
            }
        }
        // Only now: the program inherits what is ignored.
        ignoreTerminalSignals()
        return try ControlError.check(program, "cannot start \(executable)")
    }

    /// The terminal sends its signals to the program too; this side goes on until it has ended.
    func ignoreTerminalSignals() {
        signal(SIGINT) { _ in interruptCount += 1 }
        signal(SIGQUIT, SIG_IGN)
        signal(SIGPIPE, SIG_IGN)
    }

    /// Whatever is to end this command detaches first: the process must not be left half traced.
    func listenForEnd() {
        for number in [SIGINT, SIGTERM, SIGHUP] { signal(number) { _ in interruptCount += 1 } }
        signal(SIGQUIT, SIG_IGN)
        signal(SIGPIPE, SIG_IGN)
    }

    /// The trace names modules as the kernel does, however the program was called.
    func absolutePath(_ path: String) -> String {
        guard let real = unsafe realpath(path, nil) else { return path }
        defer { unsafe free(real) }
        return unsafe String(cString: real)
    }

    func reaped(_ program: pid_t) -> Int32? {
        if let status = ThreadReports.end(of: program) { return status }
        var status: Int32 = 0
        let isEnded = unsafe waitpid(program, &status, WNOHANG) == program && (status & 0xff != 0x7f)
        return isEnded ? status : nil
    }
}

/// Interrupts since the session began. Written by the signal handler only.
nonisolated(unsafe) var interruptCount: Int32 = 0

/// The environment in its own order, duplicates included.
private func environmentList() -> [String] {
    var list: [String] = []
    var at = unsafe environ
    while let entry = unsafe at.pointee {
        list.append(unsafe String(cString: entry))
        unsafe at += 1
    }
    return list
}

/// Lends a list of C strings that ends with a null pointer.
enum CStringList {
    static func with<Result>(
        _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var pointers = unsafe strings.map { unsafe strdup($0) }
        unsafe pointers.append(nil)
        defer { for pointer in unsafe pointers { unsafe free(pointer) } }
        return unsafe pointers.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { preconditionFailure("the list has an end mark") }
            return unsafe body(base)
        }
    }
}
