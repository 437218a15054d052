import AgentShims

/// One armed module: its arena and the table of its sites.
///
/// Shape: eight words: arena start, arena end, site table, site count, unwind table, load bias,
/// plan, bytes of the plan; two words: 1 when the module is gone, 1 when the unwinder knows it;
/// then storage for the unwinder (14 words).
struct BundleEntry {
    let at: UInt64
    let index: UInt32

    init(_ index: UInt32) {
        self.index = index
        at = Tables.address(Tables.bundles) &+ UInt64(index) &* Tables.bundleByteCount
    }

    var start: UInt64 { nopal_load64(at) }
    var end: UInt64 { nopal_load64(at &+ 8) }
    var sites: UInt64 { nopal_load64(at &+ 16) }
    var siteCount: UInt64 { nopal_load64(at &+ 24) }
    var unwindTable: UInt64 { nopal_load64(at &+ 32) }
    var bias: UInt64 { nopal_load64(at &+ 40) }
    private var plan: UInt64 { nopal_load64(at &+ 48) }
    private var planByteCount: UInt64 { nopal_load64(at &+ 56) }
    var isGone: Bool { nopal_load64(at &+ 64) != 0 }
    var isRegistered: Bool { nopal_load64(at &+ 72) != 0 }
    var unwinderStorage: UInt64 { at &+ 80 }

    func set(
        start: UInt64, end: UInt64, sites: UInt64, siteCount: UInt64, unwindTable: UInt64, bias: UInt64,
        plan: UInt64, planByteCount: UInt64
    ) {
        nopal_store64(at &+ 8, end)
        nopal_store64(at &+ 16, sites)
        nopal_store64(at &+ 24, siteCount)
        nopal_store64(at &+ 32, unwindTable)
        nopal_store64(at &+ 40, bias)
        nopal_store64(at &+ 48, plan)
        nopal_store64(at &+ 56, planByteCount)
        nopal_store64(at &+ 64, 0)
        nopal_store64(at &+ 72, 0)
        nopal_store64(at, start)
    }

    func setRegistered() { nopal_store64(at &+ 72, 1) }

    /// The module is gone, and no thread can be inside its functions: the arena may go as well,
    /// unless the unwinder can't be made to forget it.
    func setGone() {
        if isGone { return }
        nopal_store64(at &+ 64, 1)
        if isRegistered && !Unwinding.forget(self) { return }
        nopal_jit_forget(index)
        let arena = (start: start, byteCount: end &- start)
        nopal_store64(at, 0)
        nopal_store64(at &+ 8, 0)
        System.unmap(arena.start, arena.byteCount)
        System.unmap(plan, planByteCount)
    }

    /// An entry to use: one whose module is gone, or the next; nil when the table is full.
    static func vacant() -> BundleEntry? {
        for index in 0..<AgentState.bundleCount {
            let entry = BundleEntry(index)
            if entry.isGone && entry.start == 0 { return entry }
        }
        return AgentState.bundleCount < Tables.bundleCapacity ? BundleEntry(AgentState.bundleCount) : nil
    }

    /// Whether an address lies in any arena: then it is the return address of a stub.
    static func anyContains(_ address: UInt64) -> Bool {
        for index in 0..<AgentState.bundleCount {
            let entry = BundleEntry(index)
            if address >= entry.start && address < entry.end { return true }
        }
        return false
    }
}
