import AgentShims

/// The thread of the agent that exists only while the program is controlled live.
///
/// The host starts it (see `HelperRequest`): a thread of the C library with all signals blocked,
/// so that no traced thread ever sees a system call interrupted because of Nopal. It takes orders
/// until it is dismissed or the host is gone.
enum Helper {
    /// - Parameter iteratePrograms: address of dl_iterate_phdr; 0 where there is none.
    static func serve(iteratePrograms: UInt64) {
        guard let channel = connect() else { return }
        while let order = channel.receive() {
            let goesOn = follow(order.kind, order.descriptor, channel, iteratePrograms)
            if order.descriptor >= 0 { System.close(order.descriptor) }
            if !goesOn { break }
        }
        System.close(channel.socket)
        AgentState.helperSocket = -1
    }

    /// Gives back the memory that the host made for the start; the first thread has to be out of it.
    static func leave(_ request: UInt64) {
        let firstThread = request &+ UInt64(HelperRequest.firstThread)
        while true {
            let thread = nopal_load32(firstThread)
            if thread == 0 { break }
            System.futexWait(firstThread, expected: thread, timeoutNanos: 100_000_000)
        }
        System.unmap(
            nopal_load64(request &+ UInt64(HelperRequest.memory)),
            nopal_load64(request &+ UInt64(HelperRequest.memoryByteCount)))
    }

    private static func connect() -> Channel? {
        let socket = Conversation.connect()
        if socket < 0 { return nil }
        AgentState.helperSocket = socket
        let channel = Channel(socket: socket, buffer: Tables.address(Tables.helperMessage))
        let hasCoreSync = System.registerCoreSync() >= 0
        let isHeard = channel.send(
            .helper, a: AgentMessage.version, b: UInt64(System.processID()), c: hasCoreSync ? 1 : 0,
            d: UInt64(System.threadID()))
        return isHeard ? channel : nil
    }

    /// Does what the host asks; false to end.
    private static func follow(
        _ kind: AgentMessage.Kind, _ descriptor: Int64, _ channel: Channel, _ iteratePrograms: UInt64
    ) -> Bool {
        switch kind {
        case .arm:
            let counts = PlanExecutor.arm(channel, descriptor)
            Unwinding.registerArenas()
            return channel.send(.mapped, a: counts.isMapped ? 1 : 0)
        case .run:
            return run(channel, descriptor, iteratePrograms)
        case .release:
            let isGone = BundleEntry.at(start: channel.field(0))?.setGone() ?? false
            return channel.send(.released, a: isGone ? 1 : 0)
        case .detach:
            leaveSession(unmap: channel.field(0) != 0)
            return channel.send(.detached)
        default:
            return false
        }
    }

    private struct Job {
        var plan: LivePlan
        var result: LiveExecutor.Result
    }

    private static func run(_ channel: Channel, _ descriptor: Int64, _ iteratePrograms: UInt64) -> Bool {
        var result = LiveExecutor.Result()
        result.code = .malformed
        if let plan = LivePlan(descriptor) {
            let old = LivePlan.current
            var job = Job(plan: plan, result: result)
            withUnsafeMutablePointer(to: &job) { job in
                LoaderLock.hold(iteratePrograms, data: UInt64(UInt(bitPattern: job))) { _, _, data in
                    if let job = UnsafeMutablePointer<Job>(bitPattern: UInt(truncatingIfNeeded: data)) {
                        job.pointee.result = LiveExecutor.run(job.pointee.plan)
                    }
                    return 1
                }
            }
            result = job.result
            // Not under the loader's lock: it may mean waiting for a thread that looks for a trap.
            if let old, result.code != .malformed, Traps.areQuiet() { old.unmap() }
        }
        return channel.send(
            .ran, a: result.code.rawValue, b: result.stores, c: result.nanos, d: result.longestSyncNanos,
            e: result.unexpectedAddress)
    }

    /// The host has put back every byte of the text while all threads were stopped.
    private static func leaveSession(unmap: Bool) {
        AgentState.setRecording(false)
        Traps.letGo()
        System.close(AgentState.socket)
        AgentState.socket = -1
        if unmap {
            System.unmap(AgentState.memory, AgentState.memoryByteCount)
            AgentState.memory = 0
            AgentState.memoryByteCount = 0
        }
    }
}

/// What the started thread runs; `request` is laid out as `HelperRequest` says.
@c(nopal_help)
public func help(request: UInt64) {
    nopal_store64(request &+ UInt64(HelperRequest.progress), HelperRequest.Progress.called)
    #if !arch(x86_64)
        if nopal_load64(request &+ UInt64(HelperRequest.mode)) == AttachRequest.mode {
            AttachingAlone.begin(request)
            return Helper.leave(request)
        }
    #endif
    let beginsSession: UInt64 = 2
    let isReady = nopal_load64(request &+ UInt64(HelperRequest.mode)) != beginsSession || Attaching.begin(request)
    if isReady {
        Helper.serve(iteratePrograms: nopal_load64(request &+ UInt64(HelperRequest.iteratePrograms)))
    }
    Helper.leave(request)
}

/// What a helper runs that the process has started by itself, where the host can't reach into it.
@c(nopal_help_from_start)
public func helpFromStart(argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    Helper.serve(iteratePrograms: nopal_iterate_programs())
    return nil
}
