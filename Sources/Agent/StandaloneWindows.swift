import AgentShims

/// Switches the sites off and on by itself, as the plan says, while every thread runs: the same plans and the same
/// executor as when a host asks.
enum StandaloneWindows {
    private static let capacity: UInt32 = 1024
    /// Where the plans of a pair stand.
    private static let offPlan: UInt64 = 0
    private static let onPlan: UInt64 = 8

    /// - Parameters:
    ///   - off, on: plans that `LiveExecutor` runs.
    static func keep(off: UInt64, on: UInt64) {
        if AgentState.windowPlans == 0 { AgentState.windowPlans = System.allocate(UInt64(capacity) &* 16) }
        guard AgentState.windowPlans != 0, AgentState.windowPlanCount < capacity else { return }
        let at = AgentState.windowPlans &+ UInt64(AgentState.windowPlanCount) &* 16
        nopal_store64(at, off)
        nopal_store64(at &+ 8, on)
        AgentState.windowPlanCount = AgentState.windowPlanCount &+ 1
    }

    /// Starts the thread that does so, if there is anything to switch.
    static func start(_ plan: PlanMapping) {
        let count = plan.word32(StandalonePlan.Header.windowCount)
        if count == 0 || AgentState.windowPlanCount == 0 { return }
        AgentState.windowCount = count
        AgentState.windowOnNanos = Int64(bitPattern: plan.word64(StandalonePlan.Header.onNanos))
        AgentState.windowOffNanos = Int64(bitPattern: plan.word64(StandalonePlan.Header.offNanos))
        #if !arch(x86_64)
            _ = nopal_start_thread(switchInWindows, nil)
        #endif
    }

    fileprivate static func run() {
        let forever = ~UInt32(0)
        var window: UInt32 = 0
        while window < AgentState.windowCount {
            sleep(AgentState.windowOnNanos)
            if !change(to: offPlan) { return }
            sleep(AgentState.windowOffNanos)
            if !change(to: onPlan) { return }
            Standalone.count(StandalonePlan.Events.windows)
            if AgentState.windowCount != forever { window = window &+ 1 }
        }
    }

    private static func sleep(_ nanos: Int64) {
        if nanos <= 0 { return }
        // Nobody stores another value there.
        System.futexWait(AgentState.tables, expected: nopal_load32(AgentState.tables), timeoutNanos: nanos)
    }

    /// See `StandalonePlan.Events.form`.
    private enum Form {
        static let off: UInt64 = 0
        static let on: UInt64 = 1
        static let changing: UInt64 = 2
    }

    /// Sites become known to be on, and before that, to be changing.
    static func noteArmed() { note(Form.on) }
    static func noteArming() { note(Form.changing) }

    private static func note(_ form: UInt64) {
        let at = AgentState.field(StandalonePlan.Events.form)
        nopal_store64(at, (nopal_load64(at) >> 2 &+ 1) << 2 | form)
    }

    private struct Change {
        var form: UInt64
        var code = RunResult.done
        var stores: UInt64 = 0
    }

    /// Runs all plans of one direction under the loader's lock; false when one was refused: then none follows.
    ///
    /// - Parameter form: `offPlan` or `onPlan`.
    private static func change(to form: UInt64) -> Bool {
        var change = Change(form: form)
        note(Form.changing)
        withUnsafeMutablePointer(to: &change) { change in
            LoaderLock.hold(nopal_iterate_programs(), data: UInt64(UInt(bitPattern: change))) { _, _, data in
                if let change = UnsafeMutablePointer<Change>(bitPattern: data) {
                    StandaloneWindows.runAll(&change.pointee)
                }
                return 1
            }
        }
        Standalone.count(StandalonePlan.Events.toggles, change.stores)
        if change.code == .done {
            note(form == offPlan ? Form.off : Form.on)
            return true
        }
        nopal_store64(AgentState.field(StandalonePlan.Events.windowFailure), change.code.rawValue &+ 1)
        return false
    }

    private static func runAll(_ change: inout Change) {
        for index in 0..<UInt64(AgentState.windowPlanCount) {
            let plan = LivePlan(address: nopal_load64(AgentState.windowPlans &+ index &* 16 &+ change.form))
            let result = LiveExecutor.run(plan)
            change.stores = change.stores &+ (result.code == .done ? plan.siteCount : 0)
            if result.code != .done {
                change.code = result.code
                return
            }
        }
    }
}

#if !arch(x86_64)
    @c(nopal_switch_in_windows)
    public func switchInWindows(argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        StandaloneWindows.run()
        return nil
    }
#endif
