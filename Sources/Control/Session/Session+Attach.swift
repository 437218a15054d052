import CSupport
import Glibc
import Programs
import TraceFormat

/// Bringing a process that runs into the session.
extension Session {
    /// Loads the agent, maps stubs, arms what was chosen.
    ///
    /// Throws: a sentence; the process is as it was before.
    func attach(_ process: pid_t) throws -> AttachOutcome {
        let begin = nopal_clock_nanos(CLOCK_MONOTONIC)
        let found = try AttachCheck(process: process, agentPath: options.agentPath).run {
            [self] in
            shared.modules.module(path: $0)?.image
        }
        guard found.contains(where: { !(shared.modules.module(path: $0.path)?.traced?.sites.isEmpty ?? true) }) else {
            throw ControlError.nothingSelected(process: process)
        }
        let memory = try ProcessMemory(process: process)
        try socket.admit(userOf: process)
        let starter = HelperStarter(
            process: process, memory: memory, agentPath: options.agentPath, sessionPath: socket.path)
        let rewinds = RewoundCalls()
        let started = try starter.start(
            beginsSession: true, rewinds: rewinds, library: LibraryFunctions(found.map { ($0.image, $0.bias) }).address)
        try waitFor(starter, started) { self.process(process).map { $0.isReady && $0.helper != nil } ?? false }
        guard let traced = self.process(process) else { throw LiveError.ended(process) }
        liveArms.removeAll { $0 === traced }
        try tidy(traced)
        let outcome = try armOrLeave(traced)
        var attached = AttachOutcome(pid: process)
        attached.sites = outcome.matched
        attached.refused = outcome.refused
        attached.plans = outcome.plans
        let status = try self.status(traced)
        (attached.on, attached.off) = (status.on, status.off)
        attached.stoppedNanos = max(outcome.stoppedNanos, started.stoppedNanos)
        traced.longestStallNanos = max(traced.longestStallNanos, attached.stoppedNanos)
        attached.elapsedNanos = nopal_clock_nanos(CLOCK_MONOTONIC) &- begin
        return attached
    }

    /// Puts back what a session has left armed whose host was killed: its stubs record for nobody.
    private func tidy(_ traced: TracedProcess) throws(LiveError) {
        let control = try control(traced, LiveOptions(wanted: .stopped))
        let hooks = control.presentPlans(traced.hookPlans(isRestoring: true))
        _ = try control.change(to: .original, verb: "tidy", arms: false, extra: hooks) { _ in true }
    }

    /// What fails here is taken back: the process leaves the session again.
    private func armOrLeave(_ traced: TracedProcess) throws(LiveError) -> LiveOutcome {
        do throws(LiveError) { return try armChosen(traced, off: options.startsOff) } catch {
            do throws(LiveError) { _ = try detach(traced) } catch { note("\(error)") }
            throw error
        }
    }
}

/// Looks at a process before anything of it is touched.
struct AttachCheck {
    let process: pid_t
    let agentPath: String

    /// Returns its modules.
    ///
    /// Throws: why it can't be attached to.
    func run(read: (String) -> ModuleImage?) throws(LiveError) -> [MappedModule] {
        let status = ThreadStatus.fields("/proc/\(process)/status")
        guard let state = status["State"] else { throw .noSuchProcess(process) }
        if state.hasPrefix("Z") || state.hasPrefix("X") { throw .ended(process) }
        guard status["VmSize"] != nil else { throw .cannotLoad(process, reason: "it is a thread of the kernel") }
        if process == getpid() { throw .cannotLoad(process, reason: "it is this command") }
        // Opening its memory asks the kernel for the right to trace it.
        _ = try ProcessMemory(process: process)
        if let tracer = status["TracerPid"].flatMap({ Int32($0) }), tracer != 0 {
            throw .tracedByAnother(process, tracer: tracer)
        }
        if state.hasPrefix("T") {
            throw .cannotLoad(
                process, reason: "it is stopped (job control); continue it with 'kill -CONT \(process)' first")
        }
        if let seccomp = status["Seccomp"], seccomp != "0" {
            throw .cannotLoad(process, reason: "a seccomp filter may kill it for a system call that it does not expect")
        }
        if ControlClient.isTraced(process) { throw .alreadyTraced(process) }
        let modules = try MappedModule.modules(of: process, read: { $0 == agentPath ? nil : read($0) })
        guard let program = modules.first else {
            throw .cannotLoad(
                process,
                reason:
                    "its program can't be read: it is not for this machine (32-bit?), or lies in another file system namespace"
            )
        }
        guard modules.contains(where: { $0.image.sites.contains(where: \.isTraceable) }) else {
            throw .nothingToTrace(process, path: program.path)
        }
        return modules
    }
}

/// Functions of a process's C library, by name.
final class LibraryFunctions {
    private let libraries: [(image: ModuleImage, bias: UInt64)]
    private var known: [String: UInt64] = [:]

    init(_ modules: [(image: ModuleImage, bias: UInt64)]) {
        libraries = modules.filter { module in
            let name = module.image.path.split(separator: "/").last ?? ""
            return ["libc.so", "libc-", "libpthread", "libdl", "ld-musl"].contains { name.hasPrefix($0) }
        }
    }

    func address(_ name: String) -> UInt64? {
        if let address = known[name] { return address }
        for library in libraries {
            guard let address = library.image.exportedFunction(name) else { continue }
            known[name] = address &+ library.bias
            return address &+ library.bias
        }
        return nil
    }
}
