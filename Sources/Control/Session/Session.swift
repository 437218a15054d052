import CSupport
import Glibc
import Programs
import TraceFormat

/// Records a program, or a process that runs, and its children to the end; serves commands meanwhile.
///
/// One thread does all but writing blocks: ptrace answers only the thread that has asked.
public final class Session {
    let options: SessionOptions
    let memory: SharedMemory
    let socket: SessionSocket
    let output: TraceOutput
    let drain: BlockDrain
    let shared: SessionModules
    /// By socket.
    var processes: [Int32: TracedProcess] = [:]
    /// Connections that have not said yet what they are.
    var newcomers: [Int32: Connection] = [:]
    /// Commands that wait for their answer.
    var requests: [(connection: Connection, packet: Packet)] = []
    /// Processes whose stubs are there and whose sites a live plan has to arm.
    var liveArms: [TracedProcess] = []
    /// Processes that have closed their connection and live on.
    var orphans: Set<UInt32> = []
    /// Processes that were taken out of the session.
    var detached: Set<UInt32> = []
    var known: Set<UInt32> = []
    /// Processes whose helper was started and has not connected yet.
    var awaitedHelpers: Set<UInt32> = []
    var wasTraced = false
    /// For tests of this package: runs on the session's own thread, once a turn.
    package var eachTurn: ((Session) -> Void)?

    static let newcomerLimit = 256

    public init(_ options: SessionOptions) throws {
        self.options = options
        output = try TraceOutput(path: options.outputPath, clock: TickSource(isForeign: options.target != nil))
        memory = try SharedMemory(
            bufferByteCount: options.bufferByteCount, whenFull: options.whenFull,
            reserve: options.target?.isa == .a32 ? SharedMemory.smallReserve : SharedMemory.reserve)
        socket = try SessionSocket()
        drain = BlockDrain(memory: memory, output: output, keepsUntilEnd: options.whenFull == .overwrite)
        shared = SessionModules(
            modules: ModuleCache(
                functions: FunctionTable(selection: options.selection), accepted: options.target?.readable ?? [.x86_64]),
            output: output,
            depthLimit: options.selection.depthLimit, agentPath: options.agentPath, target: options.target)
    }

    /// Records to the end: of the program and every process that it started, or until the process
    /// that was attached to is detached or has ended, or until the user interrupts.
    ///
    /// - Parameter attached: told when a running process has been attached to.
    public func run(attached: (AttachOutcome) -> Void = { _ in }) throws -> SessionOutcome {
        defer { socket.remove() }
        output.append(sessionRecord())
        output.appendClockFit()
        drain.start()
        let status: Int32?
        do {
            switch options.subject {
            case .program(let executable, let arguments):
                let program = try launch(executable, arguments)
                nopal_raise_descriptor_limit()
                shared.executable = executable
                // Read while the loader brings the program up; the agent asks for it in a moment.
                _ = shared.modules.module(path: absolutePath(executable))
                status = serve(program)
            case .process(let process):
                listenForEnd()
                nopal_raise_descriptor_limit()
                attached(try attach(process))
                status = serve(nil)
            }
        } catch {
            drain.finish()
            throw error
        }
        memory.close()
        drain.finish()
        return finish(status)
    }

    /// - Parameter program: our child, or nil.
    private func serve(_ program: pid_t?) -> Int32? {
        var status: Int32?
        var nextFit = nopal_clock_nanos(CLOCK_MONOTONIC) + 1_000_000_000
        while true {
            poll()
            armLive()
            serveRequests()
            eachTurn?(self)
            dismissIdleHelpers()
            Latecomers.letGo()
            if let program, status == nil { status = reaped(program) }
            if (program == nil || status != nil) && everythingEnded { break }
            let now = nopal_clock_nanos(CLOCK_MONOTONIC)
            if now >= nextFit {
                output.appendClockFit()
                nextFit = now + 1_000_000_000
            }
            guard interruptCount > 0 else { continue }
            // Once the program has ended, an interrupt means: do not wait for what it left behind.
            if status != nil { break }
            if program == nil {
                detachAll()
                break
            }
        }
        return status
    }

    private var everythingEnded: Bool {
        orphans = orphans.filter { nopal_thread_exists(pid_t(bitPattern: $0), pid_t(bitPattern: $0)) != 0 }
        return processes.values.allSatisfy { detached.contains($0.process) } && orphans.isEmpty
    }

    /// Waits a few milliseconds for whoever is connected, and serves those that have something to say.
    ///
    /// - Parameter awaited: a socket that is left to the caller; true when it has something to say.
    @discardableResult
    package func poll(awaiting awaited: Int32 = -1, timeoutMilliseconds: Int32 = 5) -> Bool {
        var waiting = [pollfd(fd: socket.listener, events: Int16(POLLIN), revents: 0)]
        if awaited >= 0 { waiting.append(pollfd(fd: awaited, events: Int16(POLLIN), revents: 0)) }
        waiting += processes.keys.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        waiting += newcomers.keys.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        let count = unsafe Glibc.poll(&waiting, nfds_t(waiting.count), timeoutMilliseconds)
        guard count > 0 else { return false }
        var isReady = false
        for ready in waiting where ready.revents != 0 {
            if ready.fd == awaited {
                isReady = true
            } else if ready.fd == socket.listener {
                accept()
            } else if newcomers[ready.fd] != nil {
                serveNewcomer(ready.fd)
            } else {
                serveProcess(ready.fd)
            }
        }
        return isReady
    }

    private func finish(_ status: Int32?) -> SessionOutcome {
        output.appendClockFit()
        output.append(
            LedgerRecord(
                lostEvents: memory.lostEvents, waitedNanos: memory.waitedNanos, notes: shared.notes,
                waitStatus: status))
        output.finish()
        if let error = output.error { shared.notes.append("\(options.outputPath): \(error)") }
        return SessionOutcome(
            waitStatus: status, notes: shared.notes, isIncomplete: output.error != nil, wasTraced: wasTraced,
            lostEvents: memory.lostEvents)
    }

    private var commandLine: [String] {
        switch options.subject {
        case .program(_, let arguments): arguments
        case .process(let process): ProcessNames.commandLine(process)
        }
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
            }, commandLine: commandLine, startRealtimeNanos: nopal_clock_nanos(CLOCK_REALTIME),
            whenFull: options.whenFull, bufferByteCount: UInt64(options.bufferByteCount),
            filters: options.filterTexts, recordsExits: options.selection.recordsExits)
    }
}

/// The version of this build; the trace and `--version` show it.
public let nopalVersion = "0.1.0"
