import AgentShims

/// One open call (see `struct nopal_entry`).
struct ShadowEntry {
    let pointer: UnsafeMutablePointer<nopal_entry>

    init?(_ address: UInt64) {
        guard let pointer = UnsafeMutablePointer<nopal_entry>(bitPattern: UInt(truncatingIfNeeded: address)) else {
            return nil
        }
        self.pointer = pointer
    }

    static let barrier = Word.maximum

    var negatedSlot: UInt64 { pointer.pointee.negated_slot }
    var slot: UInt64 { Word.negated(pointer.pointee.negated_slot) }
    var function: UInt32 { pointer.pointee.exit_word & EventWord.payloadMask }
    /// Its call was unwound, and is told; see `UnwoundCalls`.
    var isUnwound: Bool {
        negatedSlot != 0 && negatedSlot != ShadowEntry.barrier && pointer.pointee.exit_word == 0
    }
}

/// The shadow stack of one thread: its open calls, oldest first.
///
/// Runs on the traced thread: no allocation, lock or trap.
enum ShadowStack {
    static let entryByteCount: UInt64 = 32
    /// When fewer entries are left, calls are traced as entries only. More than a block can push.
    static let reserveByteCount = Word.byteCount == 8 ? 16384 &* entryByteCount : 8448 &* entryByteCount

    static func isExhausted(_ thread: ThreadState) -> Bool {
        thread.pointee.shadow_top &+ reserveByteCount > thread.pointee.shadow_limit
    }

    static func isOwn(_ thread: ThreadState, _ address: UInt64) -> Bool {
        address > thread.pointee.shadow_base && address < thread.pointee.shadow_top && address % entryByteCount == 0
    }

    /// Puts an entry on top that no stack pointer is below: every later entry takes the slow path.
    static func pushBarrier(_ thread: ThreadState) {
        let at = thread.pointee.shadow_top
        thread.pointee.shadow_top = at &+ entryByteCount
        guard let entry = ShadowEntry(at) else { return }
        entry.pointer.pointee.exit_word = 0
        entry.pointer.pointee.negated_slot = ShadowEntry.barrier
    }

    /// The newest entry of this slot; nil when there is none.
    static func find(_ thread: ThreadState, slot: UInt64) -> ShadowEntry? {
        let wanted = Word.negated(slot)
        var at = thread.pointee.shadow_top
        while at > thread.pointee.shadow_base &+ entryByteCount {
            at = at &- entryByteCount
            guard let entry = ShadowEntry(at) else { return nil }
            if entry.negatedSlot == wanted && !entry.isUnwound { return entry }
        }
        return nil
    }

    /// Takes the top entry off, whose call has ended and is told.
    static func drop(_ thread: ThreadState, _ top: ShadowEntry) {
        clear(thread, top)
        thread.pointee.shadow_top = thread.pointee.shadow_top &- entryByteCount
    }

    private static func clear(_ thread: ThreadState, _ entry: ShadowEntry) {
        if entry.isUnwound { countUnwound(thread, 0 &- 1) }
        entry.pointer.pointee.negated_slot = 0
        entry.pointer.pointee.exit_word = 0
    }

    /// Entries of calls that were unwound; a signal handler may change it between any two instructions.
    static func countUnwound(_ thread: ThreadState, _ change: UInt32) {
        withUnsafeMutablePointer(to: &thread.pointee.unwound_count) { _ = nopal_add32(System.word($0), change) }
    }

    /// Calls that are open.
    static func openCalls(_ thread: ThreadState) -> UInt32 {
        if thread.pointee.shadow_base == 0 { return 0 }
        let entries = (thread.pointee.shadow_top &- thread.pointee.shadow_base) / entryByteCount &- 1
        return UInt32(truncatingIfNeeded: entries) &- thread.pointee.unwound_count
    }

    /// Whether a call with this slot can still return, seen from a stack pointer of `now`.
    ///
    /// On the thread's own stack what lies below `now` is dead. On any other stack (a fiber, an
    /// alternate signal stack) it may be suspended: see `OtherStacks`.
    static func mayBeAlive(_ thread: ThreadState, slot: UInt64, now: UInt64) -> Bool {
        if slot <= now && thread.bothOnOwnStack(slot, now) { return false }
        return OtherStacks.mayHoldCall(slot: slot, now: now)
    }

    /// Ends every dead call above `floor`; live ones of other stacks stay where they are.
    ///
    /// Returns true when nothing is left above `floor`.
    static func endCalls(_ thread: ThreadState, above floor: UInt64, now: UInt64) -> Bool {
        var kept = floor &+ entryByteCount
        var at = thread.pointee.shadow_top
        while at > floor &+ entryByteCount {
            at = at &- entryByteCount
            guard let entry = ShadowEntry(at) else { break }
            if entry.negatedSlot != 0 && entry.negatedSlot != ShadowEntry.barrier {
                if !entry.isUnwound && mayBeAlive(thread, slot: entry.slot, now: now) {
                    if kept == floor &+ entryByteCount { kept = at &+ entryByteCount }
                    continue
                }
                if !entry.isUnwound { end(thread, entry) }
            }
            clear(thread, entry)
        }
        thread.pointee.shadow_top = kept
        return kept == floor &+ entryByteCount
    }

    /// Records that a call ended without returning, and keeps its entry for a while: a call that
    /// was taken for dead and returns all the same finds its way home.
    static func end(_ thread: ThreadState, _ entry: ShadowEntry) {
        Graveyard.add(thread, entry)
        _ = Recording.append(thread, EventWord.upperHalf(kind: .unwound, payload: entry.function))
    }
}

/// The last entries that were dropped by inference.
enum Graveyard {
    static let entryCount: UInt64 = 256
    static let byteCount: UInt64 = entryCount &* 32

    private static func entry(_ thread: ThreadState, _ number: UInt64) -> ShadowEntry? {
        ShadowEntry(thread.pointee.graveyard &+ number % entryCount &* 32)
    }

    static func add(_ thread: ThreadState, _ dead: ShadowEntry) {
        guard let entry = entry(thread, thread.pointee.grave_count) else { return }
        entry.pointer.pointee = dead.pointer.pointee
        thread.pointee.grave_count = thread.pointee.grave_count &+ 1
    }

    static func find(_ thread: ThreadState, slot: UInt64) -> ShadowEntry? {
        let count = thread.pointee.grave_count
        let depth = count < entryCount ? count : entryCount
        var back: UInt64 = 1
        while back <= depth {
            guard let entry = entry(thread, count &- back) else { return nil }
            if entry.slot == slot { return entry }
            back = back &+ 1
        }
        return nil
    }
}
