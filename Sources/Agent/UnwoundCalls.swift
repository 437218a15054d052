import AgentShims

/// Calls that an unwinder takes off the stack.
enum UnwoundCalls {
    /// Records that a call was unwound, and takes its entry off the shadow stack.
    ///
    /// - Parameters:
    ///   - at: address of its entry, as the stub's register has it.
    ///   - isForced: pthread_exit and pthread_cancel: the C library stops the unwinding at the thread's outermost
    ///     stub, before its personality is called, so the end of that call is told with its block.
    static func note(_ thread: ThreadState, _ at: UInt64, isForced: Bool) {
        if isForced { Blocks.noteEnding(thread) }
        guard ShadowStack.isOwn(thread, at), let entry = ShadowEntry(at), entry.negatedSlot != 0 else { return }
        let isTop = ShadowStack.endCalls(thread, above: at, now: entry.slot)
        _ = Recording.append(thread, EventWord.upperHalf(kind: .unwound, payload: entry.function))
        entry.pointer.pointee.negated_slot = 0
        entry.pointer.pointee.exit_word = 0
        if isTop { thread.pointee.shadow_top = at }
    }
}
