import AgentShims

/// Calls that an unwinder takes off the stack.
///
/// Their entries stay on the shadow stack, marked, until the next entry or exit that finds them dead. The unwinder reads
/// return addresses and saved registers from them until it lands, long after it has called a stub's personality; and a
/// signal handler that is traced would put its own call in the place of one that was taken off.
enum UnwoundCalls {
    /// Records that a call was unwound, and marks its entry.
    ///
    /// - Parameters:
    ///   - at: address of its entry, as the stub's register has it.
    ///   - isForced: pthread_exit and pthread_cancel: the C library stops the unwinding at the thread's outermost
    ///     stub, before its personality is called, so the end of that call is told with its block.
    static func note(_ thread: ThreadState, _ at: UInt64, isForced: Bool) {
        if isForced { Blocks.noteEnding(thread) }
        guard ShadowStack.isOwn(thread, at), let entry = ShadowEntry(at), entry.negatedSlot != 0, !entry.isUnwound
        else {
            return
        }
        markCalls(thread, above: at, now: entry.slot)
        mark(thread, entry)
    }

    /// Calls above that the unwinder has no personality called for: left by longjmp, or in frames that it jumped over. What
    /// lies above a marked entry was seen to when that was marked: a deep stack is walked once.
    private static func markCalls(_ thread: ThreadState, above floor: UInt64, now: UInt64) {
        var at = floor &+ ShadowStack.entryByteCount
        while at < thread.pointee.shadow_top, let entry = ShadowEntry(at), !entry.isUnwound {
            at = at &+ ShadowStack.entryByteCount
        }
        while at > floor &+ ShadowStack.entryByteCount {
            at = at &- ShadowStack.entryByteCount
            guard let entry = ShadowEntry(at) else { return }
            if entry.negatedSlot == 0 || entry.negatedSlot == ShadowEntry.barrier { continue }
            if ShadowStack.mayBeAlive(thread, slot: entry.slot, now: now) { continue }
            Graveyard.add(thread, entry)
            mark(thread, entry)
        }
    }

    private static func mark(_ thread: ThreadState, _ entry: ShadowEntry) {
        _ = Recording.append(thread, EventWord.upperHalf(kind: .unwound, payload: entry.function))
        entry.pointer.pointee.exit_word = 0
        ShadowStack.countUnwound(thread, 1)
    }
}
