import AgentShims

/// Executes the exclusive plans of bundles: nobody else runs the code that they change.
enum PlanExecutor {
    /// Maps the bundle that message `arm` describes and runs its plan.
    ///
    /// Returns whether there was room for the arena, how many sites were armed, and how many were not
    /// because other bytes than the expected ones stood there.
    static func arm(_ channel: Channel, _ descriptor: Int64) -> (isMapped: Bool, done: UInt64, refused: UInt64) {
        let address = channel.field(0)
        let arenaByteCount = channel.field(1)
        let unwindOffset = channel.field(2)
        let stepCount = channel.field(3)
        let siteCount = channel.field(4)
        let text = (low: channel.field(5), high: channel.field(6))
        let bias = nopal_load64(channel.textAddress)
        guard isWellFormed(channel, descriptor), let entry = BundleEntry.take() else { return (false, 0, 0) }
        // Private: the host changes single stubs of one process, and a forked child keeps its own.
        let arena = System.map(
            descriptor, byteCount: arenaByteCount, protection: System.protectRead | System.protectExecute,
            shared: false, address: address)
        if arena == 0 {
            entry.giveUp()
            return (false, 0, 0)
        }
        let stepsByteCount = stepCount &* UInt64(Bundle.stepByteCount)
        let planByteCount = stepsByteCount &+ siteCount &* UInt64(Bundle.siteByteCount)
        let plan = System.map(
            descriptor, byteCount: planByteCount, protection: System.protectRead, shared: true,
            offset: arenaByteCount)
        if plan == 0 {
            System.unmap(arena, arenaByteCount)
            entry.giveUp()
            return (false, 0, 0)
        }
        entry.set(
            start: arena, end: arena &+ arenaByteCount, sites: plan &+ stepsByteCount, siteCount: siteCount,
            unwindTable: arena &+ unwindOffset, bias: bias, plan: plan, planByteCount: planByteCount)
        nopal_jit_register(
            entry.index, arena &+ nopal_load64(arena &+ UInt64(Bundle.ArenaOffset.imageOffset)),
            nopal_load64(arena &+ UInt64(Bundle.ArenaOffset.imageByteCount)))
        // As many as it has steps when the text can't be opened.
        let refused = min(run(plan, stepCount, text), siteCount)
        return (true, siteCount &- refused, refused)
    }

    /// Whether the message describes what its file can hold: every later access stays inside.
    private static func isWellFormed(_ channel: Channel, _ descriptor: Int64) -> Bool {
        let address = channel.field(0)
        let arenaByteCount = channel.field(1)
        let limit: UInt64 = 1 << 40
        guard descriptor >= 0, address % 4096 == 0, arenaByteCount % 4096 == 0, arenaByteCount > 0,
            arenaByteCount < limit, channel.field(2) < arenaByteCount, channel.field(3) < limit,
            channel.field(4) < limit, MapsReader.isText(channel.field(5), channel.field(6))
        else { return false }
        let plan = channel.field(3) &* UInt64(Bundle.stepByteCount) &+ channel.field(4) &* UInt64(Bundle.siteByteCount)
        return System.fileByteCount(descriptor) >= arenaByteCount &+ plan
    }

    /// Runs every step in order; returns how many sites were refused.
    static func run(_ plan: UInt64, _ stepCount: UInt64, _ text: (low: UInt64, high: UInt64)) -> UInt64 {
        var refused: UInt64 = 0
        var refusedSite: UInt64 = 0
        for index in 0..<stepCount {
            let step = plan &+ index &* UInt64(Bundle.stepByteCount)
            switch nopal_load32(step) {
            case StepKind.open.rawValue:
                let readWrite = System.protectRead | System.protectWrite
                if System.protect(text.low, text.high &- text.low, readWrite) < 0 { return stepCount }
            case StepKind.maintainCaches.rawValue, StepKind.syncCores.rawValue:
                // Nobody else runs: what this thread has stored it is to run itself.
                maintainCaches(plan, upTo: index)
            case StepKind.close.rawValue:
                _ = System.protect(text.low, text.high &- text.low, System.protectRead | System.protectExecute)
            default:
                let address = nopal_load64(step &+ 8)
                // The steps of a site stand together: after one is refused, so are its others.
                if address &- refusedSite < 32 { continue }
                let isInside = address >= text.low && address &+ UInt64(nopal_load32(step &+ 4)) <= text.high
                if !isInside || !store(step, address) {
                    refused = refused &+ 1
                    refusedSite = address
                }
            }
        }
        return refused
    }

    /// Of all that was stored before a step.
    private static func maintainCaches(_ plan: UInt64, upTo end: UInt64) {
        func each(_ body: (UInt64, UInt64) -> Void) {
            for index in 0..<end {
                let step = plan &+ index &* UInt64(Bundle.stepByteCount)
                if nopal_load32(step) == StepKind.store.rawValue {
                    body(nopal_load64(step &+ 8), UInt64(nopal_load32(step &+ 4)))
                }
            }
        }
        each { nopal_clean_code($0, $1) }
        nopal_finish_cleaning()
        each { nopal_invalidate_code($0, $1) }
        nopal_finish_invalidating()
    }

    private static func store(_ step: UInt64, _ address: UInt64) -> Bool {
        let width = nopal_load32(step &+ 4)
        if width > 8 { return false }
        if nopal_load_bytes(address, width) != nopal_load64(step &+ 24) { return false }
        nopal_store_bytes(address, nopal_load64(step &+ 16), width)
        return true
    }
}
