import AgentShims

/// The memory of shadow stacks: one region a thread, reused when its thread is dead.
///
/// Table entry: address u64, thread id u32 (0 while it is being taken), zero u32.
enum ShadowRegions {
    /// 524,032 open calls: more than fit on an 8 MiB stack. Committed when touched.
    static let byteCount: UInt64 = 16 << 20

    private static func entry(_ index: UInt32) -> UInt64 {
        Tables.address(Tables.shadows) &+ UInt64(index) &* Tables.shadowByteCount
    }

    private static var count: UInt32 {
        let count = AgentState.shadowCount
        return count < Tables.shadowCapacity ? count : Tables.shadowCapacity
    }

    /// Runs on the traced thread with signals blocked. Returns 0 when there is no memory.
    static func take(thread: UInt32) -> UInt64 {
        let reused = reuse(thread: thread)
        if reused != 0 { return reused }
        let index = withUnsafeMutablePointer(to: &AgentState.shadowCount) {
            nopal_add32(UInt64(UInt(bitPattern: $0)), 1)
        }
        if index >= Tables.shadowCapacity { return 0 }
        let region = System.allocate(byteCount)
        if region == 0 { return 0 }
        System.advise(region, byteCount, System.adviseNoHugePage)
        nopal_store64(entry(index), region)
        nopal_store32(entry(index) &+ 8, thread)
        return region
    }

    /// Looks at a few entries, another few each time, so that regions of dead threads come back
    /// and the cost of a thread stays flat.
    private static func reuse(thread: UInt32) -> UInt64 {
        let known = count
        if known == 0 { return 0 }
        for _ in 0..<4 {
            let probe = withUnsafeMutablePointer(to: &AgentState.shadowProbe) {
                nopal_add32(UInt64(UInt(bitPattern: $0)), 1)
            }
            let at = entry(probe % known)
            let owner = nopal_load32(at &+ 8)
            if owner == 0 || owner == thread { continue }
            if System.threadExists(process: AgentState.process, thread: owner) { continue }
            if nopal_swap32(at &+ 8, owner, thread) == 0 { continue }
            let region = nopal_load64(at)
            System.advise(region, byteCount, System.adviseDontNeed)
            return region
        }
        return 0
    }

    /// Whether an address is that of an entry of any thread's shadow stack.
    static func contain(_ address: UInt64) -> Bool {
        if address % 32 != 0 { return false }
        for index in 0..<count {
            let region = nopal_load64(entry(index))
            if region != 0 && address >= region && address &- region < byteCount { return true }
        }
        return false
    }
}
