import AgentShims

/// A plan in memory, as the host wrote it (see `Bundle`): what a forked child needs to finish it, and what
/// a thread that hits a breakpoint needs to go on. It is published by one store of its address.
struct LivePlan {
    let address: UInt64

    /// Maps the file that came with an order; nil when it is none.
    init?(_ descriptor: Int64) {
        let size = System.fileByteCount(descriptor)
        guard descriptor >= 0, size >= UInt64(Bundle.planHeadByteCount) else { return nil }
        address = System.map(descriptor, byteCount: size, protection: System.protectRead, shared: true)
        guard address != 0 else { return nil }
        let limit: UInt64 = 1 << 32
        guard stepCount > 0, stepCount < limit, trapCount < limit, byteCount <= size else {
            System.unmap(address, size)
            return nil
        }
    }

    /// The one that was published last; nil before the first.
    static var current: LivePlan? {
        let address = withUnsafeMutablePointer(to: &AgentState.livePlan) { nopal_load64(System.word($0)) }
        return address == 0 ? nil : LivePlan(address: address)
    }

    init(address: UInt64) { self.address = address }

    static func publish(_ address: UInt64) {
        withUnsafeMutablePointer(to: &AgentState.livePlan) { nopal_store64(System.word($0), address) }
    }

    func unmap() { System.unmap(address, byteCount) }

    var stepCount: UInt64 { nopal_load64(address) }
    var trapCount: UInt64 { nopal_load64(address &+ 8) }
    var textLow: UInt64 { nopal_load64(address &+ 16) }
    var textHigh: UInt64 { nopal_load64(address &+ 24) }
    private var steps: UInt64 { address &+ UInt64(Bundle.planHeadByteCount) }
    var traps: UInt64 { steps &+ stepCount &* UInt64(Bundle.stepByteCount) }
    private var byteCount: UInt64 { traps &- address &+ trapCount &* UInt64(Bundle.trapByteCount) }

    func kind(_ index: UInt64) -> UInt32 { nopal_load32(steps &+ index &* UInt64(Bundle.stepByteCount)) }
    func width(_ index: UInt64) -> UInt32 { nopal_load32(steps &+ index &* UInt64(Bundle.stepByteCount) &+ 4) }
    func field(_ index: UInt64, _ offset: UInt64) -> UInt64 {
        nopal_load64(steps &+ index &* UInt64(Bundle.stepByteCount) &+ offset)
    }
    func isStore(_ index: UInt64) -> Bool {
        kind(index) == StepKind.store.rawValue || kind(index) == StepKind.storeAgain.rawValue
    }
    /// How many sites it switches, each by one store.
    var siteCount: UInt64 {
        var count: UInt64 = 0
        for index in 0..<stepCount where kind(index) == StepKind.store.rawValue { count = count &+ 1 }
        return count
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

    /// Runs a plan, and leaves it where traps are looked up; one that is malformed is unmapped.
    static func run(_ plan: LivePlan) -> Result {
        var result = Result()
        guard isWellFormed(plan) else {
            plan.unmap()
            result.code = .malformed
            return result
        }
        let begin = System.monotonicNanos()
        AgentState.livePosition = ~0
        nopal_compiler_barrier()
        LivePlan.publish(plan.address)
        runOpened(plan, &result)
        result.nanos = System.monotonicNanos() &- begin
        return result
    }

    /// A child may be forked between any two instructions here. It goes by `isTextOpen`, so that is set first and
    /// taken back last.
    private static func runOpened(_ plan: LivePlan, _ result: inout Result) {
        AgentState.isTextOpen = 1
        nopal_compiler_barrier()
        let readWriteExecute = System.protectRead | System.protectWrite | System.protectExecute
        if System.protect(plan.textLow, plan.textHigh &- plan.textLow, readWriteExecute) < 0 {
            result.code = .closedText
        } else if let address = firstUnexpected(plan) {
            result.code = .unexpected
            result.unexpectedAddress = address
        } else if catchesBreakpoints(plan) && !Traps.catchThem() {
            result.code = .noTraps
        } else if System.registerCoreSync() < 0 {
            result.code = .noCoreSync
        } else {
            runSteps(plan, &result)
        }
        close(plan)
    }

    private static func close(_ plan: LivePlan) {
        _ = System.protect(plan.textLow, plan.textHigh &- plan.textLow, System.protectRead | System.protectExecute)
        nopal_compiler_barrier()
        AgentState.isTextOpen = 0
    }

    private static func runSteps(_ plan: LivePlan, _ result: inout Result) {
        AgentState.livePosition = 0
        var maintained: UInt64 = 0
        for index in 0..<plan.stepCount {
            switch plan.kind(index) {
            case StepKind.store.rawValue, StepKind.storeAgain.rawValue:
                store(plan, index)
                result.stores = result.stores &+ 1
            case StepKind.maintainCaches.rawValue:
                maintainCaches(plan, from: maintained, upTo: index)
                maintained = index
            case StepKind.syncCores.rawValue:
                let begin = System.monotonicNanos()
                _ = System.syncCores()
                let nanos = System.monotonicNanos() &- begin
                if nanos > result.longestSyncNanos { result.longestSyncNanos = nanos }
            default: break
            }
            // A forked child goes on from here; a store that is made twice does no harm.
            nopal_compiler_barrier()
            AgentState.livePosition = index &+ 1
        }
    }

    /// Of what these steps have stored.
    private static func maintainCaches(_ plan: LivePlan, from begin: UInt64, upTo end: UInt64) {
        for index in begin..<end where plan.isStore(index) {
            nopal_clean_code(plan.address(index), UInt64(plan.width(index)))
        }
        nopal_finish_cleaning()
        for index in begin..<end where plan.isStore(index) {
            nopal_invalidate_code(plan.address(index), UInt64(plan.width(index)))
        }
        nopal_finish_invalidating()
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
        AgentState.trapReaders = 0
        guard AgentState.isTextOpen != 0, let plan = LivePlan.current else { return }
        var index = AgentState.livePosition
        while index < plan.stepCount {
            if plan.isStore(index) { store(plan, index) }
            index = index &+ 1
        }
        maintainCaches(plan, from: 0, upTo: plan.stepCount)
        AgentState.livePosition = ~0
        close(plan)
    }
}
