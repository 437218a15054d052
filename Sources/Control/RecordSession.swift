import CSupport
import Glibc
import Programs
import TraceFormat

/// What `record` was asked for.
public struct RecordOptions: Sendable {
    /// The resolved path of the program, and its arguments, `argv[0]` first.
    public var executable: String
    public var arguments: [String]
    public var outputPath: String
    public var selection: Selection
    /// Options as typed, for the trace.
    public var filterTexts: [String]
    public var bufferByteCount: Int
    public var whenFull: WhenFull
    public var agentPath: String

    public init(
        executable: String, arguments: [String], outputPath: String, selection: Selection,
        filterTexts: [String], bufferByteCount: Int, whenFull: WhenFull, agentPath: String
    ) {
        self.executable = executable
        self.arguments = arguments
        self.outputPath = outputPath
        self.selection = selection
        self.filterTexts = filterTexts
        self.bufferByteCount = bufferByteCount
        self.whenFull = whenFull
        self.agentPath = agentPath
    }
}

/// How a recording ended.
public struct RecordOutcome: Sendable {
    /// As `waitpid` gave it.
    public var waitStatus: Int32
    /// Sentences for the user: what went wrong or was left out.
    public var notes: [String]
    /// True when the trace lacks something because writing it failed.
    public var isIncomplete: Bool
    /// False when no agent ever answered: nothing was traced.
    public var wasTraced: Bool
    public var lostEvents: UInt64
}

/// Starts a program with the agent preloaded and records it and its children to the end.
public final class RecordSession {
    private let options: RecordOptions
    private let memory: SharedMemory
    private let socket: SessionSocket
    private let output: TraceOutput
    private let drain: BlockDrain
    private let shared: SessionModules
    private var processes: [Int32: TracedProcess] = [:]
    private var orphans: Set<UInt32> = []
    private var known: Set<UInt32> = []
    private var wasTraced = false

    public init(_ options: RecordOptions) throws {
        self.options = options
        output = try TraceOutput(path: options.outputPath)
        memory = try SharedMemory(bufferByteCount: options.bufferByteCount, whenFull: options.whenFull)
        socket = try SessionSocket()
        drain = BlockDrain(memory: memory, output: output, keepsUntilEnd: options.whenFull == .overwrite)
        shared = SessionModules(
            modules: ModuleCache(functions: FunctionTable(selection: options.selection)), output: output,
            depthLimit: options.selection.depthLimit, agentPath: options.agentPath)
    }

    /// Runs the program; returns when it and every process that it started have ended, or when the
    /// user interrupts a wait for those it left behind.
    public func run() throws -> RecordOutcome {
        defer { socket.remove() }
        output.append(sessionRecord())
        output.appendClockFit()
        drain.start()
        let program: pid_t
        do {
            program = try launch()
        } catch {
            drain.finish()
            throw error
        }
        nopal_raise_descriptor_limit()
        // Read while the loader brings the program up; the agent asks for it in a moment.
        _ = shared.modules.module(path: absolutePath(options.executable))
        let status = serve(program)
        memory.close()
        drain.finish()
        return finish(status)
    }

    private func launch() throws(ControlError) -> pid_t {
        // The agent takes the last two out again (see Environment.swift of the agent).
        var environment = environmentList()
        let preloads = environment.first { $0.hasPrefix("LD_PRELOAD=") }.map { ":" + $0.dropFirst(11) } ?? ""
        environment.append("LD_PRELOAD=\(options.agentPath)\(preloads)")
        environment.append("NOPAL_SESSION=\(socket.path)")
        let program = unsafe CStringList.with(options.arguments) { arguments in
            unsafe CStringList.with(environment) { environment in
                unsafe nopal_spawn(options.executable, arguments, environment)
            }
        }
        // Only now: the program inherits what is ignored.
        ignoreTerminalSignals()
        return try ControlError.check(program, "cannot start \(options.executable)")
    }

    /// The terminal sends its signals to the program too; this side goes on until it has ended.
    private func ignoreTerminalSignals() {
        signal(SIGINT) { _ in interruptCount += 1 }
        signal(SIGQUIT, SIG_IGN)
        signal(SIGPIPE, SIG_IGN)
    }

    /// The trace names modules as the kernel does, however the program was called.
    private func absolutePath(_ path: String) -> String {
        guard let real = unsafe realpath(path, nil) else { return path }
        defer { unsafe free(real) }
        return unsafe String(cString: real)
    }

    private func serve(_ program: pid_t) -> Int32 {
        var status: Int32?
        var nextFit = nopal_clock_nanos(CLOCK_MONOTONIC) + 1_000_000_000
        while true {
            poll()
            if status == nil { status = reaped(program) }
            if status != nil && everythingEnded { break }
            let now = nopal_clock_nanos(CLOCK_MONOTONIC)
            if now >= nextFit {
                output.appendClockFit()
                nextFit = now + 1_000_000_000
            }
            // Once the program has ended, an interrupt means: do not wait for what it left behind.
            if status != nil && interruptCount > 0 { break }
        }
        return status ?? 0
    }

    private func reaped(_ program: pid_t) -> Int32? {
        var status: Int32 = 0
        return unsafe waitpid(program, &status, WNOHANG) == program ? status : nil
    }

    private var everythingEnded: Bool {
        orphans = orphans.filter { nopal_thread_exists(pid_t(bitPattern: $0), pid_t(bitPattern: $0)) != 0 }
        return processes.isEmpty && orphans.isEmpty
    }

    /// Waits a few milliseconds for agents, and serves those that have something to say.
    private func poll() {
        var waiting = [pollfd(fd: socket.listener, events: Int16(POLLIN), revents: 0)]
        waiting += processes.keys.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        let count = unsafe Glibc.poll(&waiting, nfds_t(waiting.count), 5)
        guard count > 0 else { return }
        for ready in waiting where ready.revents != 0 {
            if ready.fd == socket.listener { accept() } else { serveProcess(ready.fd) }
        }
    }

    private func accept() {
        while let connection = socket.accept() {
            do {
                guard let hello = try connection.receive() else { continue }
                try welcome(TracedProcess(connection: connection, hello: hello))
            } catch {
                shared.notes.append("\(error)")
            }
        }
    }

    private func welcome(_ process: TracedProcess) {
        wasTraced = true
        let origin: ProcessOrigin =
            process.isFork
            ? .forked : known.contains(process.process) ? .executed : known.isEmpty ? .started : .executed
        if known.contains(process.process) && !process.isFork { drain.retire(process: process.process) }
        known.insert(process.process)
        orphans.remove(process.process)
        processes[process.connection.socket] = process
        let executable = ProcessNames.executable(process.process)
        drain.note(process: process.process, executable: executable)
        output.append(
            ProcessRecord(
                process: process.process, parent: process.parent, origin: origin, executable: executable,
                tick: nopal_ticks()))
        guard !process.isFork else { return }
        let depth = UInt64(options.selection.depthLimit ?? 0)
        process.connection.send(
            Packet(.session, [UInt64(memory.capacity), UInt64(getpid()), depth]), descriptor: memory.descriptor)
    }

    private func serveProcess(_ socket: Int32) {
        guard let process = processes[socket] else { return }
        do {
            guard let packet = try process.connection.receive() else { return end(process) }
            serve(process, packet)
        } catch {
            shared.notes.append("process \(process.process): \(error)")
            end(process)
        }
    }

    private func serve(_ process: TracedProcess, _ packet: Packet) {
        switch packet.kind {
        case .module: process.noteModule(packet)
        case .moduleGone:
            if let module = process.noteGone(packet) {
                output.append(
                    LoadRecord(
                        process: process.process, moduleIndex: module, bias: packet.fields[0], tick: nopal_ticks(),
                        isUnload: true))
            }
        case .modules: process.arm(shared)
        case .done:
            if packet.fields[1] > 0 {
                shared.notes.append(
                    "process \(process.process): \(packet.fields[1]) sites are not armed: other bytes than the file's stood there"
                )
            }
        case .complaint: shared.notes.append(String(decoding: packet.text, as: UTF8.self))
        default: shared.notes.append("process \(process.process) sent \(packet.kind)")
        }
    }

    /// The connection ended: the process did, or it closed the descriptor.
    private func end(_ process: TracedProcess) {
        processes[process.connection.socket] = nil
        if nopal_thread_exists(pid_t(bitPattern: process.process), pid_t(bitPattern: process.process)) != 0 {
            orphans.insert(process.process)
        }
        output.append(
            ProcessRecord(
                process: process.process, parent: process.parent, origin: process.isFork ? .forked : .started,
                executable: "", tick: nopal_ticks(), hasEnded: true))
    }

    private func finish(_ status: Int32) -> RecordOutcome {
        output.appendClockFit()
        output.append(
            LedgerRecord(
                lostEvents: memory.lostEvents, waitedNanos: memory.waitedNanos, notes: shared.notes,
                waitStatus: status))
        output.finish()
        if let error = output.error { shared.notes.append("\(options.outputPath): \(error)") }
        return RecordOutcome(
            waitStatus: status, notes: shared.notes, isIncomplete: output.error != nil, wasTraced: wasTraced,
            lostEvents: memory.lostEvents)
    }

    private func sessionRecord() -> SessionRecord {
        var name = utsname()
        _ = unsafe uname(&name)
        return SessionRecord(
            nopalVersion: nopalVersion,
            hostName: unsafe withUnsafeBytes(of: &name.nodename) { bytes in
                String(decoding: unsafe bytes.prefix { $0 != 0 }, as: UTF8.self)
            },
            kernel: unsafe withUnsafeBytes(of: &name.release) { bytes in
                String(decoding: unsafe bytes.prefix { $0 != 0 }, as: UTF8.self)
            }, commandLine: options.arguments, startRealtimeNanos: nopal_clock_nanos(CLOCK_REALTIME),
            whenFull: options.whenFull, bufferByteCount: UInt64(options.bufferByteCount),
            filters: options.filterTexts, recordsExits: options.selection.recordsExits)
    }
}

/// The version of this build; the trace and `--version` show it.
public let nopalVersion = "0.1.0"

/// Interrupts since the program was started. Written by the signal handler only.
nonisolated(unsafe) private var interruptCount: Int32 = 0

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
