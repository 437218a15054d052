import AgentShims

/// Waiting for the host to give a block back, and noticing that it never will.
enum Waiting {
    /// Waits a while; signals are handled meanwhile. The traced program never hangs here: when
    /// the host is gone, recording is closed.
    static func wait(_ thread: ThreadState) {
        typealias Offset = SessionMemory.HeaderOffset
        let generation = AgentState.field(Offset.freeGeneration)
        let waiters = AgentState.field(Offset.freeWaiters)
        let seen = nopal_load32(generation)
        if thread.pointee.failed_generation != seen &+ 1 { return }
        let before = System.monotonicNanos()
        _ = nopal_add32(waiters, 1)
        wakeHost()
        System.futexWait(generation, expected: seen, timeoutNanos: 100_000_000)
        _ = nopal_add32(waiters, ~0)
        _ = nopal_add64(AgentState.field(Offset.waitedNanos), System.monotonicNanos() &- before)
        if nopal_load32(generation) == seen && !hostIsAlive() {
            nopal_store32(AgentState.field(Offset.closed), 1)
        }
    }

    static func wakeHost() {
        let sleeps = AgentState.field(SessionMemory.HeaderOffset.hostSleeps)
        if nopal_load32(sleeps) != 0 {
            System.futexWake(AgentState.field(SessionMemory.HeaderOffset.fullGeneration), count: 1)
        }
    }

    static func hostIsAlive() -> Bool {
        var poll: (descriptor: Int32, events: Int16, found: Int16) = (
            Int32(truncatingIfNeeded: AgentState.socket), 0, 0
        )
        var now: (seconds: Int64, nanos: Int64) = (0, 0)
        let count = withUnsafeMutablePointer(to: &poll) { poll in
            withUnsafeMutablePointer(to: &now) { now in
                System.call(CallNumber.poll, System.address(poll), 1, System.address(now), 0, 8)
            }
        }
        let invalid: Int16 = 0x20
        let errorOrHangUp: Int16 = 0x08 | 0x10
        if count == 1 && poll.found & invalid == 0 && poll.found & errorOrHangUp != 0 { return false }
        return System.processExists(AgentState.hostProcess)
    }
}
