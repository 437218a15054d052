import AgentShims

/// The file that events go to where there is no host: laid out as a session's memory, mapped shared, so that it has
/// them however the process ends.
enum StandaloneMemory {
    private typealias Offset = SessionMemory.HeaderOffset
    private static let blockLimit: UInt32 = 1 << 20
    private static let alreadyExists: Int64 = -17

    /// - Parameter folder: C string; 0 for the working directory.
    static func make(_ plan: PlanMapping, folder: UInt64) -> Bool {
        let blockCount = plan.word32(StandalonePlan.Header.blockCount)
        guard blockCount >= 4, blockCount <= blockLimit else { return false }
        AgentState.process = System.processID()
        let byteCount = UInt64(SessionMemory.byteCount(blockCount: Int(blockCount)))
        let descriptor = open(folder)
        if descriptor < 0 { return false }
        defer { System.close(descriptor) }
        guard System.setFileByteCount(descriptor, byteCount) >= 0 else { return false }
        let memory = System.mapShared(
            descriptor, byteCount: byteCount, alignment: UInt64(SessionMemory.blockByteCount))
        if memory == 0 { return false }
        AgentState.memory = memory
        AgentState.memoryByteCount = byteCount
        AgentState.mappedBlockCount = blockCount
        AgentState.blocks = memory &+ UInt64(SessionMemory.blocksOffset(blockCount: Int(blockCount)))
        nopal_store32(AgentState.field(Offset.version), SessionMemory.version)
        nopal_store32(AgentState.field(Offset.blockCount), blockCount)
        nopal_store32(AgentState.field(Offset.whenFull), plan.word32(StandalonePlan.Header.whenFull))
        nopal_store32(AgentState.field(Offset.nextThreadSerial), 1)
        nopal_store64(AgentState.field(Offset.nextBlockOrder), 1)
        note()
        nopal_store64(AgentState.field(Offset.magic), SessionMemory.magic)
        return true
    }

    /// `nopal.PID.events`, or with a number behind PID where there is one already: a process may become another
    /// program, and numbers come again.
    private static func open(_ folder: UInt64) -> Int64 {
        var name = InlineArray<1024, UInt8>(repeating: 0)
        let folderLimit: UInt64 = 900
        if CString.length(folder) > folderLimit { return -1 }
        let readWriteCreateExclusive: Int64 = 2 | 0o100 | 0o200
        return withUnsafeMutablePointer(to: &name) { name -> Int64 in
            for attempt in 0..<UInt32(100) {
                let at = UInt64(UInt(bitPattern: name))
                var text = TextWriter(at: at)
                if folder != 0 && CString.byte(folder) != 0 {
                    text.add(folder)
                    text.add("/")
                }
                text.add("nopal.")
                text.add(number: AgentState.process)
                if attempt > 0 {
                    text.add(".")
                    text.add(number: attempt)
                }
                text.add(".events")
                text.end()
                let descriptor = System.open(at, flags: readWriteCreateExclusive, mode: 0o600)
                if descriptor != alreadyExists { return descriptor }
            }
            return alreadyExists
        }
    }

    /// Whose events these are, and a moment on its clocks.
    private static func note() {
        typealias Events = StandalonePlan.Events
        nopal_store32(AgentState.field(Events.process), AgentState.process)
        nopal_store64(AgentState.field(Events.tickFrequency), Clock.frequency)
        nopal_store64(AgentState.field(Events.ticks), nopal_ticks())
        nopal_store64(AgentState.field(Events.monotonicNanos), System.monotonicNanos())
        nopal_store64(AgentState.field(Events.realtimeNanos), System.realtimeNanos())
    }
}
