import AgentShims

/// Writes event words from the slow paths, the same way as stubs do.
///
/// Runs on the traced thread: no allocation, lock or trap; signal handlers may nest.
enum Recording {
    /// Appends one event with the time of now; returns false when it was lost.
    static func append(_ thread: ThreadState, _ upperHalf: UInt32) -> Bool {
        while true {
            let slot = nopal_reserve(thread)
            if Blocks.isSlot(slot) {
                let tick = nopal_ticks()
                if UInt32(truncatingIfNeeded: tick >> 32) == thread.pointee.epoch {
                    write(slot, upperHalf, tick)
                    return true
                }
                writeClock(thread, slot, tick)
            } else if !Blocks.take(thread) {
                return false
            }
        }
    }

    /// The upper half last: a word without it was never written.
    private static func write(_ slot: UInt64, _ upperHalf: UInt32, _ tick: UInt64) {
        nopal_store32(slot, UInt32(truncatingIfNeeded: tick))
        nopal_store32(slot &+ 4, upperHalf)
    }

    static func writeClock(_ thread: ThreadState, _ slot: UInt64, _ tick: UInt64) {
        let epoch = UInt32(truncatingIfNeeded: tick >> 32)
        write(slot, EventWord.upperHalf(kind: .clock, payload: epoch), tick)
        thread.pointee.epoch = epoch
    }
}
