import AgentShims

/// Blocks that are full but for words which an interrupted stub has reserved and will write.
///
/// A signal handler may fill a block and take the next one while the stub that it interrupted
/// still holds a slot of the first. Such a block stays with its thread until the word is there.
/// A word whose stub was left by `siglongjmp` never comes, so only a few blocks linger.
enum Lingering {
    /// Whether a slot before `end` is reserved and not written.
    static func hasUnwrittenWords(_ block: UInt64, upTo end: UInt64) -> Bool {
        var at = block &+ UInt64(SessionMemory.wordsOffset)
        while at < end {
            if nopal_load32(at &+ 4) == 0 { return true }
            at = at &+ 8
        }
        return false
    }

    /// Makes the rest of a block that is given up early say nothing, so that only reserved slots are unwritten.
    static func fill(from start: UInt64, to end: UInt64) {
        var at = start
        while at < end {
            nopal_store32(at &+ 4, EventWord.upperHalf(kind: .void, payload: 0))
            at = at &+ 8
        }
    }

    static func eventCount(_ block: UInt64) -> UInt64 {
        var at = block &+ UInt64(SessionMemory.wordsOffset)
        var count: UInt64 = 0
        let end = block &+ UInt64(SessionMemory.blockByteCount)
        while at < end {
            let kind = nopal_load32(at &+ 4) >> EventWord.payloadBits
            if kind != 0 && kind < EventKind.clock.rawValue { count = count &+ 1 }
            at = at &+ 8
        }
        return count
    }

    static func add(_ thread: ThreadState, _ index: UInt32) {
        if thread.pointee.lingering.3 != 0 { Blocks.handOver(thread.pointee.lingering.3 &- 1) }
        let old = thread.pointee.lingering
        thread.pointee.lingering = (index &+ 1, old.0, old.1, old.2)
    }

    /// Hands over every lingering block that is complete by now. Signals are blocked.
    static func settle(_ thread: ThreadState) {
        let old = thread.pointee.lingering
        if old.0 == 0 && old.1 == 0 && old.2 == 0 && old.3 == 0 { return }
        thread.pointee.lingering = (settled(old.0), settled(old.1), settled(old.2), settled(old.3))
    }

    private static func settled(_ mark: UInt32) -> UInt32 {
        if mark == 0 { return 0 }
        let block = Blocks.address(mark &- 1)
        if hasUnwrittenWords(block, upTo: block &+ UInt64(SessionMemory.blockByteCount)) { return mark }
        Blocks.handOver(mark &- 1)
        return 0
    }
}
