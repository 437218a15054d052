import AgentShims

/// What a stub does after a slow path of its entry; the values are those that stubs test.
enum Verdict {
    /// Go on as usual.
    static let proceed: UInt32 = 0
    /// Everything is done: go to the body.
    static let toBody: UInt32 = 1
}

/// An entry whose top shadow entry is not above it: a tail call, a call after `longjmp`, another
/// stack, or a thread's first event. Called by `nopal_slow_enter` on the traced thread.
///
/// - Parameters:
///   - word: upper half of the entry's event word.
///   - slot: the stack pointer at the call's entry; on x86-64 its return address stands there.
///   - returnAddress: of this call.
@c(nopal_enter)
public func enter(word: UInt32, slot: UInt64, returnAddress: UInt64) -> UInt32 {
    guard let thread = nopal_thread_state() else { return Verdict.toBody }
    if !thread.start() { return recordEntryOnly(thread, word) }
    while true {
        guard let top = ShadowEntry(thread.pointee.shadow_top &- ShadowStack.entryByteCount) else { break }
        if top.negatedSlot == 0 { break }
        if top.negatedSlot == ShadowEntry.barrier {
            if ShadowStack.isExhausted(thread) { return recordEntryOnly(thread, word) }
        } else {
            if top.slot > slot { break }
            if top.slot == slot && !top.isUnwound && BundleEntry.anyContains(returnAddress) {
                return replace(thread, top, word)
            }
            if top.slot < slot && ShadowStack.mayBeAlive(thread, slot: top.slot, now: slot) { break }
            if !top.isUnwound { ShadowStack.end(thread, top) }
        }
        ShadowStack.drop(thread, top)
    }
    return Verdict.proceed
}

/// A tail call: the outgoing function is closed and its entry reused, so that a loop of tail
/// calls does not grow anything, and the pairing of calls and returns stays as it was.
private func replace(_ thread: ThreadState, _ top: ShadowEntry, _ word: UInt32) -> UInt32 {
    _ = Recording.append(thread, top.pointer.pointee.exit_word)
    top.pointer.pointee.exit_word = EventWord.upperHalf(kind: .exit, payload: word & EventWord.payloadMask)
    _ = Recording.append(thread, word)
    return Verdict.toBody
}

private func recordEntryOnly(_ thread: ThreadState, _ word: UInt32) -> UInt32 {
    _ = Recording.append(thread, EventWord.upperHalf(kind: .entryOnly, payload: word & EventWord.payloadMask))
    return Verdict.toBody
}

/// No room in the block, or another epoch. Called by `nopal_slow_record` on the traced thread.
///
/// - Parameters:
///   - word: upper half of the event word.
///   - slot: what the stub reserved; inside the block only if the epoch was the reason.
@c(nopal_record)
public func record(word: UInt32, slot: UInt64) -> UInt32 {
    guard let thread = nopal_thread_state() else { return Verdict.proceed }
    // An epoch has passed and the slot is still ours: it takes the clock word.
    if Blocks.isSlot(slot) && slot &- thread.pointee.block < UInt64(SessionMemory.blockByteCount) {
        Recording.writeClock(thread, slot, nopal_ticks())
    }
    let isEntry = word >> EventWord.payloadBits == EventKind.entry.rawValue
    if isEntry && thread.pointee.shadow_base != 0 && ShadowStack.isExhausted(thread) {
        ShadowStack.pushBarrier(thread)
        return recordEntryOnly(thread, word)
    }
    _ = Recording.append(thread, word)
    return Verdict.proceed
}

/// An exit whose shadow entry is not on top: calls above it ended without returning or live on
/// another stack, or the body did not keep the stub's register. Called by `nopal_slow_leave` on the traced thread.
///
/// - Parameters:
///   - slot: the stack pointer at the call's entry.
///   - register: what the body left in the stub's register: rbx, x19, r4.
///   - place: where the return address is to be put: on x86-64 the slot.
/// - Returns: what the caller had in that register.
@c(nopal_leave)
public func leave(slot: UInt64, register: UInt64, place: UInt64) -> UInt64 {
    guard let thread = nopal_thread_state() else { return 0 }
    let wanted = Word.negated(slot)
    if ShadowStack.isOwn(thread, register), let entry = ShadowEntry(register), entry.negatedSlot == wanted {
        return finish(thread, entry, slot, place)
    }
    if let entry = ShadowStack.find(thread, slot: slot) { return finish(thread, entry, slot, place) }
    // A fiber that moved here from another thread.
    if ShadowRegions.contain(register), let entry = ShadowEntry(register), entry.negatedSlot == wanted {
        return giveBack(thread, entry, place)
    }
    if let entry = Graveyard.find(thread, slot: slot) { return giveBack(thread, entry, place) }
    Complaint.lostReturnAddress()
}

private func finish(_ thread: ThreadState, _ entry: ShadowEntry, _ slot: UInt64, _ place: UInt64) -> UInt64 {
    let at = UInt64(UInt(bitPattern: entry.pointer))
    let isTop = ShadowStack.endCalls(thread, above: at, now: slot)
    let saved = giveBack(thread, entry, place)
    if isTop { thread.pointee.shadow_top = at }
    return saved
}

private func giveBack(_ thread: ThreadState, _ entry: ShadowEntry, _ place: UInt64) -> UInt64 {
    let call = entry.pointer.pointee
    nopal_store_word(place, call.return_address)
    entry.pointer.pointee.negated_slot = 0
    entry.pointer.pointee.exit_word = 0
    _ = Recording.append(thread, call.exit_word)
    return call.saved
}
