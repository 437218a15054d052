import AgentShims

/// One armed module: its arena and the table of its sites.
///
/// Shape: eight words: arena start, arena end, site table, site count, unwind table, load bias,
/// plan, bytes of the plan; two words: 1 when it is gone, 2 while it is taken again; 1 when the
/// unwinder knows it;
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
    var plan: UInt64 { nopal_load64(at &+ 48) }
    var planByteCount: UInt64 { nopal_load64(at &+ 56) }
    var isGone: Bool { nopal_load64(at &+ 64) == 1 }
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

    /// It was taken, and nothing came of it.
    func giveUp() {
        nopal_store64(at, 0)
        nopal_store64(at &+ 64, 1)
    }

    /// False when somebody else has just done so.
    func setRegistered() -> Bool { nopal_swap32(at &+ 72, 0, 1) != 0 }

    /// No thread can be inside its stubs (its module is gone, or the host has looked): the arena
    /// may go, unless the unwinder can't be made to forget it. Returns whether it went.
    @discardableResult
    func setGone() -> Bool {
        if start == 0 { return false }
        nopal_store64(at &+ 24, 0)
        if isRegistered && !Unwinding.forget(self) { return false }
        nopal_jit_forget(index)
        let arena = (start: start, byteCount: end &- start)
        let table = (start: plan, byteCount: planByteCount)
        nopal_store64(at, 0)
        nopal_store64(at &+ 8, 0)
        System.unmap(arena.start, arena.byteCount)
        System.unmap(table.start, table.byteCount)
        nopal_store64(at &+ 64, 1)
        return true
    }

    /// Takes an entry: one whose arena is gone, or the next; nil when the table is full. The
    /// helper and a thread that opens a library may do so at the same time.
    static func take() -> BundleEntry? {
        for index in 0..<count {
            let entry = BundleEntry(index)
            if entry.isGone && entry.start == 0 && nopal_swap32(entry.at &+ 64, 1, 2) != 0 { return entry }
        }
        let index = withUnsafeMutablePointer(to: &AgentState.bundleCount) {
            nopal_add32(UInt64(UInt(bitPattern: $0)), 1)
        }
        return index < Tables.bundleCapacity ? BundleEntry(index) : nil
    }

    static var count: UInt32 {
        AgentState.bundleCount < Tables.bundleCapacity ? AgentState.bundleCount : Tables.bundleCapacity
    }

    static func at(start: UInt64) -> BundleEntry? {
        for index in 0..<count where start != 0 && BundleEntry(index).start == start { return BundleEntry(index) }
        return nil
    }

    /// Whether an address lies in any arena: then it is the return address of a stub.
    static func anyContains(_ address: UInt64) -> Bool {
        for index in 0..<count {
            let entry = BundleEntry(index)
            if address >= entry.start && address < entry.end { return true }
        }
        return false
    }
}
