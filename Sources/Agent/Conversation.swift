import AgentShims

/// What agent and host say to each other (see `AgentMessage` for the order).
///
/// One thread at a time, signals blocked: before `main`, in a forked child, or under the
/// loader's lock while a library is opened.
enum Conversation {
    /// Why a process says hello; the values stand in the message.
    enum Origin: UInt64 {
        case started = 0
        case forked = 1
        case attached = 2
    }

    /// Connects and says hello. After a fork nothing comes back; else the session is mapped.
    static func begin(_ origin: Origin) -> Bool {
        AgentState.socket = connect()
        guard AgentState.socket >= 0, hello(origin) else { return false }
        if origin == .forked { return true }
        let channel = Channel.main
        guard let answer = channel.receive(), answer.kind == .session, answer.descriptor >= 0 else { return false }
        defer { System.close(answer.descriptor) }
        guard mapMemory(channel, answer.descriptor) else { return false }
        if origin == .started { AgentState.setRecording(true) }
        return true
    }

    private static func hello(_ origin: Origin) -> Bool {
        Channel.main.send(
            .hello, a: AgentMessage.version, b: UInt64(System.processID()), c: UInt64(System.parentID()),
            d: UInt64(bitPattern: nopal_thread_state_offset()), e: nopal_vectors.enter,
            f: nopal_vectors.record, g: nopal_vectors.leave, textByteCount: helloText(origin))
    }

    /// The text of `hello`, see `AgentMessage`.
    private static func helloText(_ origin: Origin) -> UInt64 {
        var at = Channel.main.textAddress
        let begin = at
        func add(_ value: UInt64) {
            nopal_store64(at, value)
            at = at &+ 8
        }
        add(nopal_vectors.personality)
        add(origin.rawValue)
        add(TaskCounter.count())
        for function in 0..<HookedFunctions.count { add(HookedFunctions.code(function)) }
        add(ModuleList.breakAddress)
        add(AgentState.recordingAddress)
        add(Clock.frequency)
        add(Clock.thunk)
        add(nopal_ticks())
        add(System.monotonicNanos())
        return at &- begin
    }

    /// Connects to the session's socket; negative when that can't be had. Descriptors below 1000
    /// belong to the program.
    static func connect() -> Int64 {
        let unix: Int64 = 1
        let sequencedPackets: Int64 = 5
        let closeOnExec: Int64 = 0o2000000
        let low = System.call(CallNumber.socket, unix, sequencedPackets | closeOnExec, 0)
        if low < 0 { return low }
        let socket = raise(low)
        var address = InlineArray<110, UInt8>(repeating: 0)
        let connected = withUnsafeMutablePointer(to: &address) { address -> Int64 in
            let at = UInt64(UInt(bitPattern: address))
            nopal_store8(at, 1)
            let count = CString.copy(Tables.address(Tables.sessionPath), to: at &+ 2, limit: 107)
            return System.call(CallNumber.connect, socket, Int64(bitPattern: at), Int64(count) &+ 3)
        }
        if connected >= 0 { return socket }
        System.close(socket)
        return connected
    }

    /// Moves a descriptor to 1000 or above, also where the soft limit is lower than that; where the
    /// hard limit is, as high as it allows.
    private static func raise(_ low: Int64) -> Int64 {
        let limits = DescriptorLimits.current()
        let isLow = limits.soft <= 1000 && limits.hard > limits.soft
        if isLow { DescriptorLimits(soft: limits.hard, hard: limits.hard).set() }
        defer { if isLow { limits.set() } }
        let duplicateCloseOnExec: Int64 = 1030
        var wanted: Int64 = 1000
        while wanted > low {
            let high = System.call(CallNumber.fileControl, low, duplicateCloseOnExec, wanted)
            if high >= 0 {
                System.close(low)
                return high
            }
            wanted = wanted / 2
        }
        return low
    }

    private static func mapMemory(_ channel: Channel, _ descriptor: Int64) -> Bool {
        AgentState.hostProcess = UInt32(truncatingIfNeeded: channel.field(1))
        AgentState.depthLimit = channel.field(2)
        AgentState.startsHelper = channel.field(3) & SessionFlags.startHelper != 0
        // A limit on address space may not leave room for all of it.
        let limit: UInt64 = 1 << 24
        var count = channel.field(0)
        let file = System.fileByteCount(descriptor)
        guard count <= limit, file >= UInt64(SessionMemory.byteCount(blockCount: Int(count))) else { return false }
        while count >= 8 {
            let byteCount = UInt64(SessionMemory.byteCount(blockCount: Int(count)))
            let at = System.mapShared(
                descriptor, byteCount: byteCount, alignment: UInt64(SessionMemory.blockByteCount))
            if at != 0 {
                AgentState.mappedBlockCount = UInt32(truncatingIfNeeded: count)
                // Descriptors and blocks lie where the host's count of blocks puts them.
                AgentState.blocks = at &+ UInt64(SessionMemory.blocksOffset(blockCount: Int(channel.field(0))))
                let reach = (byteCount &- (AgentState.blocks &- at)) / UInt64(SessionMemory.blockByteCount)
                if reach < count { AgentState.mappedBlockCount = UInt32(truncatingIfNeeded: reach) }
                AgentState.memory = at
                AgentState.memoryByteCount = byteCount
                return true
            }
            count = count / 2
        }
        return false
    }

    /// Tells the host which modules are new or gone, and arms what it answers.
    static func tellModules() {
        guard ModuleList.tellChanges(Channel.main) else { return }
        armWhatIsAnswered()
    }

    /// Ends the list of modules and takes the answer: bundles, then `armed`. Anything else ends it too.
    static func armWhatIsAnswered() {
        let channel = Channel.main
        guard channel.send(.modules) else { return }
        var armed: UInt64 = 0
        var refused: UInt64 = 0
        while let answer = channel.receive() {
            if answer.kind == .arm {
                let counts = PlanExecutor.arm(channel, answer.descriptor)
                armed = armed &+ counts.done
                refused = refused &+ counts.refused
                System.close(answer.descriptor)
                channel.send(.mapped, a: counts.isMapped ? 1 : 0)
            } else {
                if answer.descriptor >= 0 { System.close(answer.descriptor) }
                if answer.kind == .armed { Hooks.install(channel, textByteCount: answer.textByteCount) }
                break
            }
        }
        channel.send(.done, a: armed, b: refused)
    }
}

/// RLIMIT_NOFILE, in the kernel's shape.
private struct DescriptorLimits {
    var soft: UInt64
    var hard: UInt64

    private static let resource: Int64 = 7

    static func current() -> DescriptorLimits {
        var limits = DescriptorLimits(soft: 0, hard: 0)
        withUnsafeMutablePointer(to: &limits) {
            _ = System.call(CallNumber.limits, 0, resource, 0, Int64(UInt(bitPattern: $0)))
        }
        return limits
    }

    func set() {
        var limits = self
        withUnsafeMutablePointer(to: &limits) {
            _ = System.call(CallNumber.limits, 0, Self.resource, Int64(UInt(bitPattern: $0)), 0)
        }
    }
}
