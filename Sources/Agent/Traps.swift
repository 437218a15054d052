#if arch(x86_64)
    import AgentShims

    /// Threads that hit a breakpoint of a plan: they are sent on, to where the plan says.
    ///
    /// The handler of SIGTRAP stays from the first plan that needs it until the process leaves the
    /// session, because a thread may have trapped and not have been told yet. What is not the agent's goes to the
    /// handler that the program had.
    enum Traps {
        /// `struct sigaction` of the kernel: handler, flags, restorer, mask.
        private typealias Action = (handler: UInt64, flags: UInt64, restorer: UInt64, mask: UInt64)

        nonisolated(unsafe) private static var previous: Action = (0, 0, 0, 0)
        nonisolated(unsafe) private static var isInstalled = false

        private static let trapSignal: Int64 = 5
        private static let withInfo: UInt64 = 0x4
        private static let onAlternateStack: UInt64 = 0x0800_0000
        private static let hasRestorer: UInt64 = 0x0400_0000

        private static var own: UInt64 {
            let entry: @convention(c) (Int32, UInt64, UInt64) -> Void = trap
            return UInt64(unsafeBitCast(entry, to: UInt.self))
        }

        /// Installs the handler, or sees that it is still there; false when the program took it away.
        static func catchThem() -> Bool {
            let present = current()
            if present.handler == own { return true }
            if isInstalled { return false }
            previous = present
            // Every other signal waits: its handler might hit a breakpoint while this one is blocked.
            var action: Action = (own, withInfo | onAlternateStack | hasRestorer, nopal_restorer_address(), ~0)
            let done = withUnsafePointer(to: &action) {
                System.call(CallNumber.signalAction, trapSignal, System.address($0), 0, 8)
            }
            isInstalled = done == 0
            return isInstalled
        }

        /// Gives the program its handler back. No thread may be on its way into ours.
        static func letGo() {
            guard isInstalled else { return }
            if current().handler == own {
                withUnsafePointer(to: &previous) {
                    _ = System.call(CallNumber.signalAction, trapSignal, System.address($0), 0, 8)
                }
            }
            isInstalled = false
        }

        private static func current() -> Action {
            var action: Action = (0, 0, 0, 0)
            withUnsafeMutablePointer(to: &action) {
                _ = System.call(CallNumber.signalAction, trapSignal, 0, System.address($0), 8)
            }
            return action
        }

        /// Where a thread goes on that hit the breakpoint at `address`; nil when it is none of the plan's.
        static func target(_ address: UInt64) -> UInt64? {
            // Until the count is taken back, no plan is unmapped.
            let readers = withUnsafeMutablePointer(to: &AgentState.trapReaders) { System.word($0) }
            _ = nopal_add32(readers, 1)
            defer { _ = nopal_add32(readers, ~0) }
            guard let plan = LivePlan.current else { return nil }
            var low: UInt64 = 0
            var high = plan.trapCount
            while low < high {
                let middle = (low &+ high) / 2
                let at = plan.traps &+ middle &* UInt64(Bundle.trapByteCount)
                let found = nopal_load64(at)
                if found == address { return nopal_load64(at &+ 8) }
                if found < address { low = middle &+ 1 } else { high = middle }
            }
            return nil
        }

        /// Whether nobody looks into a plan that was published before the present one; waits for those who do.
        static func areQuiet() -> Bool {
            let readers = withUnsafeMutablePointer(to: &AgentState.trapReaders) { System.word($0) }
            let attempts = 1000
            for _ in 0..<attempts {
                // An addition and not a load: the new plan's address has to be seen first.
                let count = nopal_add32(readers, 0)
                if count == 0 { return true }
                System.futexWait(readers, expected: count, timeoutNanos: 1_000_000)
            }
            return false
        }

        /// Hands a trap that is not the agent's to the program's handler.
        static func passOn(_ signal: Int32, _ info: UInt64, _ context: UInt64) {
            let defaultAction: UInt64 = 0
            let ignore: UInt64 = 1
            if previous.handler == defaultAction || previous.handler == ignore {
                // As it would have been without us: the instruction runs again, and the kernel acts.
                withUnsafePointer(to: &previous) {
                    _ = System.call(CallNumber.signalAction, trapSignal, System.address($0), 0, 8)
                }
                isInstalled = false
                let isBreakpoint = nopal_load32(info &+ 8) == SignalInfo.kernel
                if isBreakpoint {
                    nopal_store64(
                        context &+ SignalInfo.instructionPointer,
                        nopal_load64(context &+ SignalInfo.instructionPointer) &- 1)
                } else if previous.handler == defaultAction {
                    _ = System.call(
                        CallNumber.signalThread, Int64(System.processID()), Int64(System.threadID()), trapSignal)
                }
                return
            }
            if previous.flags & withInfo != 0 {
                typealias Handler = @convention(c) (Int32, UInt64, UInt64) -> Void
                unsafeBitCast(UInt(truncatingIfNeeded: previous.handler), to: Handler.self)(signal, info, context)
            } else {
                typealias Handler = @convention(c) (Int32) -> Void
                unsafeBitCast(UInt(truncatingIfNeeded: previous.handler), to: Handler.self)(signal)
            }
        }
    }

    /// Offsets and values of <asm/siginfo.h> and <asm/sigcontext.h>, x86-64.
    enum SignalInfo {
        /// si_code of a breakpoint instruction.
        static let kernel: UInt32 = 0x80
        /// uc_mcontext.gregs[REG_RIP] in `struct ucontext`.
        static let instructionPointer: UInt64 = 168
    }

    /// The handler of SIGTRAP. Runs on the traced thread: no allocation, lock or trap.
    @c(nopal_trap)
    public func trap(signal: Int32, info: UInt64, context: UInt64) {
        let place = context &+ SignalInfo.instructionPointer
        let address = nopal_load64(place) &- 1
        if nopal_load32(info &+ 8) == SignalInfo.kernel {
            if let target = Traps.target(address) {
                nopal_store64(place, target)
                return
            }
            let breakpoint: UInt8 = 0xcc
            // It was taken away between the trap and now: what stands there instead is to be run.
            if CString.byte(address) != breakpoint {
                nopal_store64(place, address)
                return
            }
        }
        Traps.passOn(signal, info, context)
    }
#else
    /// On Arm one store does all that a breakpoint could: no plan has any.
    enum Traps {
        static func catchThem() -> Bool { false }
        static func letGo() {}
        static func areQuiet() -> Bool { true }
    }
#endif
