import CSupport
import Glibc
import Patching
import Programs
import TraceFormat

/// Controlling processes of the session while they run.
extension Session {
    private static let helperIdleNanos: UInt64 = 1_000_000_000
    private static let patienceNanos: UInt64 = 30_000_000_000

    package func control(_ process: TracedProcess, _ options: LiveOptions) throws(LiveError) -> LiveControl {
        let memory = try process.memory()
        return LiveControl(
            traced: process, memory: memory, session: shared, options: options,
            helper: { [self] () throws(LiveError) in try helper(of: process, memory) },
            pump: { [self] in pump(until: $0) })
    }

    /// Serves others until a socket has something to say; false when it takes too long.
    private func pump(until socket: Int32) -> Bool {
        let end = nopal_clock_nanos(CLOCK_MONOTONIC) + Self.patienceNanos
        while nopal_clock_nanos(CLOCK_MONOTONIC) < end { if poll(awaiting: socket) { return true } }
        return false
    }

    /// The process's helper; it is started when there is none.
    private func helper(of process: TracedProcess, _ memory: ProcessMemory) throws(LiveError) -> HelperConnection {
        if let helper = process.helper { return helper }
        if options.target != nil { return try awaitHelper(of: process) }
        let starter = HelperStarter(
            process: memory.process, memory: memory, agentPath: options.agentPath, sessionPath: socket.path)
        let library = LibraryFunctions(process.modules.map { ($0.image, $0.bias) })
        let started = try starter.start(beginsSession: false, rewinds: process.rewinds, library: library.address)
        process.longestStallNanos = max(process.longestStallNanos, started.stoppedNanos)
        try waitFor(starter, started) { process.helper != nil }
        guard let helper = process.helper else { throw .ended(memory.process) }
        return helper
    }

    /// The helper that an emulated process starts by itself.
    private func awaitHelper(of process: TracedProcess) throws(LiveError) -> HelperConnection {
        let pid = pid_t(bitPattern: process.process)
        let end = nopal_clock_nanos(CLOCK_MONOTONIC) + Self.patienceNanos
        while nopal_clock_nanos(CLOCK_MONOTONIC) < end {
            if let helper = process.helper { return helper }
            guard nopal_thread_exists(pid, pid) != 0 else { throw .ended(pid) }
            poll()
        }
        throw .startFailed(
            pid, what: "its agent has started no helper (a C library before glibc 2.34 without threads?)")
    }

    /// Serves everybody until a started helper is there.
    ///
    /// Throws: why it can't be; what was made for it is gone then.
    func waitFor(_ starter: HelperStarter, _ started: HelperStarter.Started, until isThere: () -> Bool)
        throws(LiveError)
    {
        awaitedHelpers.insert(UInt32(bitPattern: starter.process))
        defer { awaitedHelpers.remove(UInt32(bitPattern: starter.process)) }
        let end = nopal_clock_nanos(CLOCK_MONOTONIC) + Self.patienceNanos
        while !isThere() {
            poll()
            if let failure = starter.failure(of: started) {
                starter.clean(started)
                throw failure
            }
            if !starter.isUnderWay(started) && !isThere() {
                throw .startFailed(
                    starter.process, what: "the agent would not begin a session (it belongs to another one?)")
            }
            guard nopal_thread_exists(starter.process, starter.process) != 0 else { throw .ended(starter.process) }
            if nopal_clock_nanos(CLOCK_MONOTONIC) > end {
                throw .startFailed(starter.process, what: "its helper does not answer")
            }
        }
    }

    func dismissIdleHelpers() {
        // An emulated process could not be given another.
        guard options.target == nil else { return }
        let now = nopal_clock_nanos(CLOCK_MONOTONIC)
        for process in processes.values {
            guard let helper = process.helper, now &- helper.lastUseNanos > Self.helperIdleNanos else { continue }
            helper.connection.send(Packet(.dismiss))
            process.helper = nil
        }
    }

    /// Arms what was mapped for processes whose threads run already.
    func armLive() {
        while let index = liveArms.firstIndex(where: \.isReady) {
            let process = liveArms.remove(at: index)
            do throws(LiveError) { _ = try armChosen(process, off: false) } catch { note("\(error)") }
        }
    }

    /// Arms the chosen sites of a process that runs, and hooks libc and the loader, in one stop where one is needed.
    func armChosen(_ process: TracedProcess, off: Bool) throws(LiveError) -> LiveOutcome {
        let control = try control(process, options.live)
        let records = ThreadRecords(control.memory, process.agent.state, agentPath: options.agentPath)
        let depthLimit = options.selection.depthLimit
        let outcome = try control.change(
            to: off ? .off : .on, verb: "attach", arms: true,
            extra: control.presentPlans(process.hookPlans(isRestoring: false)),
            duty: { stopped, scan in
                // What an earlier session has left with its threads.
                for thread in stopped.threads where records.isOutside(thread, scan) {
                    records.reset(thread, depthLimit: depthLimit)
                    records.voidOpenCalls(thread)
                }
            },
            where: { site in
                guard case .traceable(let patch, _, _) = site.verdict else { return false }
                return process.isChosen(patch)
            })
        process.waitingStubs = [:]
        return outcome
    }

    func detach(_ process: TracedProcess) throws(LiveError) -> DetachOutcome {
        guard options.target == nil else {
            throw .cannotLoad(
                pid_t(bitPattern: process.process),
                reason: "its threads can't be stopped under an emulator; 'nopal disable' switches all of it off")
        }
        let control = try control(process, LiveOptions(wanted: .stopped))
        let outcome = try Detaching(control: control, agentPath: options.agentPath).run()
        detached.insert(process.process)
        // Its connection has ended meanwhile, which looked like the end of a process.
        orphans.remove(process.process)
        socket.forget(process.process)
        process.helper = nil
        drain.retire(process: process.process)
        for sentence in outcome.notes { note("process \(process.process), detached: \(sentence)") }
        return outcome
    }

    func detachAll() {
        for process in processes.values where !detached.contains(process.process) {
            do throws(LiveError) { _ = try detach(process) } catch { note("\(error)") }
        }
    }
}
