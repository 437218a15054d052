import AgentShims

/// The plan that the helper is running: what a forked child needs to finish it, and what a thread
/// that hits a breakpoint needs to go on.
struct LivePlan {
    /// Address of the steps, of the traps behind them, and how many there are of each.
    var steps: UInt64 = 0
    var stepCount: UInt64 = 0
    var traps: UInt64 = 0
    var trapCount: UInt64 = 0
    var textLow: UInt64 = 0
    var textHigh: UInt64 = 0
    /// Steps that are done; `stepCount` when nothing is running.
    var position: UInt64 = 0

    func kind(_ index: UInt64) -> UInt32 { nopal_load32(steps &+ index &* UInt64(Bundle.stepByteCount)) }
    func width(_ index: UInt64) -> UInt32 { nopal_load32(steps &+ index &* UInt64(Bundle.stepByteCount) &+ 4) }
    func field(_ index: UInt64, _ offset: UInt64) -> UInt64 {
        nopal_load64(steps &+ index &* UInt64(Bundle.stepByteCount) &+ offset)
    }
    func address(_ index: UInt64) -> UInt64 { field(index, 8) }
    func value(_ index: UInt64) -> UInt64 { field(index, 16) }
    func expected(_ index: UInt64) -> UInt64 { field(index, 24) }
}

/// Runs plans while all threads of the program run. Called by the helper thread only, under the
/// loader's lock, so that no module goes away meanwhile.
///
/// Each store is one naturally aligned store of the plan's width, made through the text's own
/// mapping: it is writable as well while a plan runs (docs/decisions/0011).
enum LiveExecutor {
    struct Result {
        var code = RunResult.done
        var stores: UInt64 = 0
        var nanos: UInt64 = 0
        var longestSyncNanos: UInt64 = 0
        var unexpectedAddress: UInt64 = 0
    }

    static func run(_ plan: LivePlan) -> Result {
        var result = Result()
        guard isWellFormed(plan) else {
            result.code = .malformed
            return result
        }
        let begin = System.monotonicNanos()
        let readWriteExecute = System.protectRead | System.protectWrite | System.protectExecute
        if System.protect(plan.textLow, plan.textHigh &- plan.textLow, readWriteExecute) < 0 {
            result.code = .closedText
            return result
        }
        if let address = firstUnexpected(plan) {
            result.code = .unexpected
            result.unexpectedAddress = address
        } else if catchesBreakpoints(plan) && !Traps.catchThem() {
            result.code = .noTraps
        } else if System.registerCoreSync() < 0 {
            result.code = .noCoreSync
        } else {
            AgentState.livePlan = plan
            runSteps(&result)
        }
        _ = System.protect(plan.textLow, plan.textHigh &- plan.textLow, System.protectRead | System.protectExecute)
        result.nanos = System.monotonicNanos() &- begin
        return result
    }

    private static func runSteps(_ result: inout Result) {
        let plan = AgentState.livePlan
        for index in 0..<plan.stepCount {
            switch plan.kind(index) {
            case StepKind.store.rawValue, StepKind.storeAgain.rawValue:
                store(plan, index)
                result.stores = result.stores &+ 1
            case StepKind.syncCores.rawValue:
                let begin = System.monotonicNanos()
                _ = System.syncCores()
                let nanos = System.monotonicNanos() &- begin
                if nanos > result.longestSyncNanos { result.longestSyncNanos = nanos }
            default: break
            }
            // A forked child goes on from here; a store that is made twice does no harm.
            nopal_compiler_barrier()
            AgentState.livePlan.position = index &+ 1
        }
    }

    private static func store(_ plan: LivePlan, _ index: UInt64) {
        let address = plan.address(index)
        let value = plan.value(index)
        switch plan.width(index) {
        case 1: nopal_store8(address, UInt8(truncatingIfNeeded: value))
        case 2: nopal_store16(address, UInt16(truncatingIfNeeded: value))
        case 4: nopal_store32(address, UInt32(truncatingIfNeeded: value))
        default: nopal_store64(address, value)
        }
    }

    /// The address of the first store that would find other bytes than it expects.
    private static func firstUnexpected(_ plan: LivePlan) -> UInt64? {
        for index in 0..<plan.stepCount where plan.kind(index) == StepKind.store.rawValue {
            let address = plan.address(index)
            if nopal_load_bytes(address, plan.width(index)) != plan.expected(index) { return address }
        }
        return nil
    }

    private static func catchesBreakpoints(_ plan: LivePlan) -> Bool {
        for index in 0..<plan.stepCount where plan.kind(index) == StepKind.catchBreakpoints.rawValue { return true }
        return false
    }

    /// Whether every step is one that the agent knows, and every store a natural one into the text.
    private static func isWellFormed(_ plan: LivePlan) -> Bool {
        guard plan.textLow % 4096 == 0, plan.textHigh % 4096 == 0, MapsReader.isText(plan.textLow, plan.textHigh) else {
            return false
        }
        for index in 0..<plan.stepCount {
            guard let kind = StepKind(rawValue: plan.kind(index)) else { return false }
            guard kind == .store || kind == .storeAgain else { continue }
            let width = UInt64(plan.width(index))
            let address = plan.address(index)
            guard width == 1 || width == 2 || width == 4 || width == 8, address % width == 0,
                address >= plan.textLow, address < plan.textHigh
            else { return false }
        }
        return true
    }

    /// A process that was forked while the helper ran a plan has the same half-made text, and no
    /// helper. It has one thread: what is left is stored at once.
    static func finishInForkedChild() {
        let plan = AgentState.livePlan
        if plan.position >= plan.stepCount { return }
        for index in plan.position..<plan.stepCount {
            let kind = plan.kind(index)
            if kind == StepKind.store.rawValue || kind == StepKind.storeAgain.rawValue { store(plan, index) }
        }
        AgentState.livePlan.position = plan.stepCount
        _ = System.protect(plan.textLow, plan.textHigh &- plan.textLow, System.protectRead | System.protectExecute)
    }
}
