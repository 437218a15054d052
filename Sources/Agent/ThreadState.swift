import AgentShims

typealias ThreadState = UnsafeMutablePointer<nopal_thread>

extension UnsafeMutablePointer where Pointee == nopal_thread {
    /// Gives a thread its shadow stack. Runs on the traced thread, at its first event:
    /// no allocation but a mapping, no lock.
    ///
    /// Returns false when there is no memory: the thread's calls are then traced as entries only.
    func start() -> Bool {
        if pointee.shadow_base != 0 { return true }
        let mask = System.blockSignals()
        defer { System.restoreSignals(mask) }
        if pointee.shadow_base != 0 { return true }
        pointee.tid = System.threadID()
        let (region, byteCount) = ShadowRegions.take(thread: pointee.tid)
        if region == 0 { return false }
        pointee.graveyard = region &+ byteCount &- Graveyard.byteCount
        pointee.shadow_limit = pointee.graveyard
        if pointee.tid == AgentState.process {
            pointee.stack_low = AgentState.mainStackLow
            pointee.stack_high = AgentState.mainStackHigh
        }
        if AgentState.depthLimit != 0 {
            pointee.depth_limit = region &+ (AgentState.depthLimit &+ 1) &* ShadowStack.entryByteCount
        }
        pointee.shadow_top = region &+ ShadowStack.entryByteCount
        pointee.shadow_base = region
        return true
    }

    /// Forgets what belongs to the parent: the block, the serial, the thread id.
    func abandonAfterFork() {
        pointee.cursor = 0
        pointee.block = 0
        pointee.serial = 0
        pointee.sequence = 0
        pointee.lost = 0
        pointee.is_ending = 0
        pointee.lingering = (0, 0, 0, 0)
        pointee.failed_generation = 0
        pointee.tid = System.threadID()
    }

    /// Whether two addresses lie on this thread's own stack.
    func bothOnOwnStack(_ a: UInt64, _ b: UInt64) -> Bool {
        if pointee.stack_high == 0 { findStack() }
        let low = pointee.stack_low
        let high = pointee.stack_high
        return a >= low && a < high && b >= low && b < high
    }

    /// glibc keeps a thread's control block at the top of its stack, so the mapping that holds
    /// the thread pointer is the stack's. Where that is not so, no address is ever found in it.
    private func findStack() {
        var found = MapsReader.mapping(holding: UInt64(UInt(bitPattern: self)))
        if found.high == 0 { found = (low: 1, high: 1, before: 0) }
        pointee.stack_low = found.low
        pointee.stack_high = found.high
    }
}
