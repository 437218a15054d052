import AgentShims

/// Executes the exclusive plans of bundles: nobody else runs the code that they change.
enum PlanExecutor {
    /// Maps the bundle that message `arm` describes and runs its plan.
    ///
    /// Returns how many sites were armed, and how many were not because other bytes than the
    /// expected ones stood there.
    static func arm(_ descriptor: Int64) -> (done: UInt64, refused: UInt64) {
        let address = Message.field(0)
        let arenaByteCount = Message.field(1)
        let unwindOffset = Message.field(2)
        let stepCount = Message.field(3)
        let siteCount = Message.field(4)
        let text = (low: Message.field(5), high: Message.field(6))
        let bias = nopal_load64(Message.textAddress)
        guard descriptor >= 0, let entry = BundleEntry.vacant() else { return (0, siteCount) }
        let arena = System.map(
            descriptor, byteCount: arenaByteCount, protection: System.protectRead | System.protectExecute,
            shared: true, address: address)
        if arena == 0 { return (0, siteCount) }
        let stepsByteCount = stepCount &* UInt64(Bundle.stepByteCount)
        let planByteCount = stepsByteCount &+ siteCount &* UInt64(Bundle.siteByteCount)
        let plan = System.map(
            descriptor, byteCount: planByteCount, protection: System.protectRead, shared: true,
            offset: arenaByteCount)
        if plan == 0 {
            System.unmap(arena, arenaByteCount)
            return (0, siteCount)
        }
        entry.set(
            start: arena, end: arena &+ arenaByteCount, sites: plan &+ stepsByteCount, siteCount: siteCount,
            unwindTable: arena &+ unwindOffset, bias: bias, plan: plan, planByteCount: planByteCount)
        if entry.index == AgentState.bundleCount { AgentState.bundleCount = AgentState.bundleCount &+ 1 }
        nopal_jit_register(
            entry.index, arena &+ nopal_load64(arena &+ UInt64(Bundle.ArenaOffset.imageOffset)),
            nopal_load64(arena &+ UInt64(Bundle.ArenaOffset.imageByteCount)))
        let refused = run(plan, stepCount, text)
        return (siteCount &- refused, refused)
    }

    /// Runs every step in order; returns how many sites were refused.
    private static func run(_ plan: UInt64, _ stepCount: UInt64, _ text: (low: UInt64, high: UInt64)) -> UInt64 {
        var refused: UInt64 = 0
        var refusedSite: UInt64 = 0
        for index in 0..<stepCount {
            let step = plan &+ index &* UInt64(Bundle.stepByteCount)
            switch nopal_load32(step) {
            case StepKind.open.rawValue:
                let readWrite = System.protectRead | System.protectWrite
                if System.protect(text.low, text.high &- text.low, readWrite) < 0 { return stepCount }
            case StepKind.close.rawValue:
                _ = System.protect(text.low, text.high &- text.low, System.protectRead | System.protectExecute)
            default:
                let address = nopal_load64(step &+ 8)
                // The steps of a site stand together: after one is refused, so are its others.
                if address &- refusedSite < 32 { continue }
                if !store(step, address) {
                    refused = refused &+ 1
                    refusedSite = address
                }
            }
        }
        return refused
    }

    private static func store(_ step: UInt64, _ address: UInt64) -> Bool {
        let width = nopal_load32(step &+ 4)
        if nopal_load_bytes(address, width) != nopal_load64(step &+ 24) { return false }
        nopal_store_bytes(address, nopal_load64(step &+ 16), width)
        return true
    }
}

/// Switches every site off, when the host is gone: one byte each, the single store protocol.
enum Disarming {
    static func run() {
        let first = withUnsafeMutablePointer(to: &AgentState.isDisarmed) {
            nopal_exchange32(UInt64(UInt(bitPattern: $0)), 1)
        }
        if first != 0 { return }
        let mask = System.blockSignals()
        defer { System.restoreSignals(mask) }
        let readWrite: Int64 = 2
        let path: StaticString = "/proc/self/mem"
        let memory = System.open(UInt64(UInt(bitPattern: path.utf8Start)), flags: readWrite)
        if memory < 0 { return }
        for index in 0..<AgentState.bundleCount where !BundleEntry(index).isGone {
            switchOff(memory, BundleEntry(index))
        }
        System.close(memory)
    }

    private static func switchOff(_ memory: Int64, _ bundle: BundleEntry) {
        var off: UInt8 = 0xa9
        for index in 0..<bundle.siteCount {
            let site = nopal_load64(bundle.sites &+ index &* UInt64(Bundle.siteByteCount))
            if site & Bundle.siteOnBit == 0 { continue }
            _ = withUnsafePointer(to: &off) {
                System.writeAt(memory, UInt64(UInt(bitPattern: $0)), 1, offset: site & ~Bundle.siteOnBit)
            }
        }
    }
}
