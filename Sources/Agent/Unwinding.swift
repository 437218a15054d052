import AgentShims

/// Tells the program's unwinder about arenas, if it has one.
enum Unwinding {
    /// Registers every arena that is not registered yet.
    static func registerArenas() {
        guard AgentState.registerFrame != 0 else { return }
        for index in 0..<BundleEntry.count {
            let entry = BundleEntry(index)
            if entry.start == 0 || entry.isRegistered || !entry.setRegistered() { continue }
            register(entry)
        }
        AgentState.isUnwinderReady = true
    }

    /// Makes the unwinder forget an arena; false when it offers no way.
    static func forget(_ entry: BundleEntry) -> Bool {
        guard AgentState.deregisterFrame != 0 else { return false }
        typealias Function = @convention(c) (UInt64) -> UInt64
        _ = unsafeBitCast(UInt(AgentState.deregisterFrame), to: Function.self)(entry.unwindTable)
        return true
    }

    private static func register(_ entry: BundleEntry) {
        if AgentState.registerTakesStorage {
            typealias Function = @convention(c) (UInt64, UInt64) -> Void
            unsafeBitCast(UInt(AgentState.registerFrame), to: Function.self)(entry.unwindTable, entry.unwinderStorage)
        } else {
            typealias Function = @convention(c) (UInt64) -> Void
            unsafeBitCast(UInt(AgentState.registerFrame), to: Function.self)(entry.unwindTable)
        }
    }

    /// An unwinder that comes with a library opened later is not relocated yet when the library
    /// is mapped: its DT_INIT is replaced, in memory, by `nopal_unwinder_init`, which the loader
    /// calls when it is ready and before anybody can use it.
    ///
    /// - Parameter dynamic: runtime address of its dynamic section; writable until relocated.
    static func deferRegistration(dynamic: UInt64, bias: UInt64) {
        let initTag: UInt64 = 12
        var at = dynamic
        while nopal_load64(at) != 0 {
            if nopal_load64(at) == initTag {
                AgentState.originalUnwinderInit = nopal_load64(at &+ 8) &+ bias
                let hook: @convention(c) (Int32, UInt64, UInt64) -> Void = unwinderInit
                nopal_store64(at &+ 8, UInt64(unsafeBitCast(hook, to: UInt.self)) &- bias)
                return
            }
            at = at &+ 16
        }
    }
}

/// Stands in for the DT_INIT of an unwinder that was opened late.
@c(nopal_unwinder_init)
public func unwinderInit(count: Int32, arguments: UInt64, environment: UInt64) {
    Unwinding.registerArenas()
    if AgentState.originalUnwinderInit != 0 {
        typealias Function = @convention(c) (Int32, UInt64, UInt64) -> Void
        unsafeBitCast(UInt(AgentState.originalUnwinderInit), to: Function.self)(count, arguments, environment)
    }
}

/// The personality of stubs: in the cleanup phase it records that the call was unwound and takes
/// its entry off the shadow stack. Called by the unwinder on the traced thread.
///
/// Source: Itanium C++ ABI, "Exception Handling", 2.5.2; returns _URC_CONTINUE_UNWIND.
@c(nopal_personality)
public func personality(
    version: Int32, actions: Int32, exceptionClass: UInt64, exception: UInt64, context: UInt64
) -> Int32 {
    let continueUnwind: Int32 = 8
    let cleanupPhase: Int32 = 2
    let rbx: Int32 = 3
    guard actions & cleanupPhase != 0, AgentState.getRegister != 0, let thread = nopal_thread_state() else {
        return continueUnwind
    }
    // pthread_exit and pthread_cancel: the C library stops the unwinding at the thread's outermost
    // stub, before this routine is called for it, so the end of that call is told with its block.
    let forcedUnwind: Int32 = 8
    if actions & forcedUnwind != 0 { Blocks.noteEnding(thread) }
    typealias Function = @convention(c) (UInt64, Int32) -> UInt64
    let at = unsafeBitCast(UInt(AgentState.getRegister), to: Function.self)(context, rbx)
    guard ShadowStack.isOwn(thread, at), let entry = ShadowEntry(at), entry.negatedSlot != 0 else {
        return continueUnwind
    }
    let isTop = ShadowStack.endCalls(thread, above: at, now: entry.slot)
    _ = Recording.append(thread, EventWord.upperHalf(kind: .unwound, payload: entry.function))
    entry.pointer.pointee.negated_slot = 0
    entry.pointer.pointee.exit_word = 0
    if isTop { thread.pointee.shadow_top = at }
    return continueUnwind
}
