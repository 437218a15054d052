#if !arch(arm)
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
            _ = unsafeBitCast(UInt(truncatingIfNeeded: AgentState.deregisterFrame), to: Function.self)(
                entry.unwindTable)
            return true
        }

        private static func register(_ entry: BundleEntry) {
            if AgentState.registerTakesStorage {
                typealias Function = @convention(c) (UInt64, UInt64) -> Void
                unsafeBitCast(UInt(truncatingIfNeeded: AgentState.registerFrame), to: Function.self)(
                    entry.unwindTable, entry.unwinderStorage)
            } else {
                typealias Function = @convention(c) (UInt64) -> Void
                unsafeBitCast(UInt(truncatingIfNeeded: AgentState.registerFrame), to: Function.self)(entry.unwindTable)
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
            while Word.field(at, 0) != 0 {
                if Word.field(at, 0) == initTag {
                    AgentState.originalUnwinderInit = Word.field(at, 1) &+ bias
                    let hook: @convention(c) (Int32, UInt64, UInt64) -> Void = unwinderInit
                    Word.set(at, 1, UInt64(unsafeBitCast(hook, to: UInt.self)) &- bias)
                    return
                }
                at = at &+ 2 &* UInt64(Word.byteCount)
            }
        }
    }

    /// Stands in for the DT_INIT of an unwinder that was opened late.
    @c(nopal_unwinder_init)
    public func unwinderInit(count: Int32, arguments: UInt64, environment: UInt64) {
        Unwinding.registerArenas()
        if AgentState.originalUnwinderInit != 0 {
            typealias Function = @convention(c) (Int32, UInt64, UInt64) -> Void
            unsafeBitCast(UInt(truncatingIfNeeded: AgentState.originalUnwinderInit), to: Function.self)(
                count, arguments, environment)
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
        let forcedUnwind: Int32 = 8
        guard actions & cleanupPhase != 0, AgentState.getRegister != 0, let thread = nopal_thread_state() else {
            return continueUnwind
        }
        typealias Function = @convention(c) (UInt64, Int32) -> UInt64
        let at = unsafeBitCast(UInt(truncatingIfNeeded: AgentState.getRegister), to: Function.self)(
            context, stubRegister)
        UnwoundCalls.note(thread, at, isForced: actions & forcedUnwind != 0)
        return continueUnwind
    }

    /// The register in which a stub keeps its shadow entry, by its DWARF number: rbx, x19.
    private var stubRegister: Int32 {
        #if arch(x86_64)
            3
        #else
            19
        #endif
    }
#endif
