import AgentShims

/// The memory of shadow stacks: one region a thread, reused when its thread is dead.
///
/// Table entry: address u64, thread id u32 (0 while it is being taken), pages of 4096 bytes u32.
enum ShadowRegions {
    /// 16 MiB, 524,032 open calls: more than fit on an 8 MiB stack. Committed when touched. Where addresses are few,
    /// 4 MiB for the first threads, and for further ones little more than a block can fill.
    private static func byteCount(ofRegion index: UInt32) -> UInt64 {
        if Word.byteCount == 8 { return 16 << 20 }
        let roomyCount: UInt32 = 128
        return index < roomyCount ? 4 << 20 : 768 << 10
    }

    private static func entry(_ index: UInt32) -> UInt64 {
        Tables.address(Tables.shadows) &+ UInt64(index) &* Tables.shadowByteCount
    }

    private static var count: UInt32 {
        let count = AgentState.shadowCount
        return count < Tables.shadowCapacity ? count : Tables.shadowCapacity
    }

    /// Runs on the traced thread with signals blocked. The address is 0 when there is no memory.
    static func take(thread: UInt32) -> (address: UInt64, byteCount: UInt64) {
        let reused = reuse(thread: thread)
        if reused.address != 0 { return reused }
        let index = withUnsafeMutablePointer(to: &AgentState.shadowCount) {
            nopal_add32(UInt64(UInt(bitPattern: $0)), 1)
        }
        if index >= Tables.shadowCapacity { return (0, 0) }
        let byteCount = byteCount(ofRegion: index)
        let region = System.allocate(byteCount)
        if region == 0 { return (0, 0) }
        System.advise(region, byteCount, System.adviseNoHugePage)
        nopal_store32(entry(index) &+ 12, UInt32(truncatingIfNeeded: byteCount / 4096))
        nopal_store64(entry(index), region)
        nopal_store32(entry(index) &+ 8, thread)
        return (region, byteCount)
    }

    /// Looks at a few entries, another few each time, so that regions of dead threads come back
    /// and the cost of a thread stays flat.
    private static func reuse(thread: UInt32) -> (address: UInt64, byteCount: UInt64) {
        let known = count
        if known == 0 { return (0, 0) }
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
            let byteCount = byteCount(at)
            System.advise(region, byteCount, System.adviseDontNeed)
            return (region, byteCount)
        }
        return (0, 0)
    }

    private static func byteCount(_ entry: UInt64) -> UInt64 { UInt64(nopal_load32(entry &+ 12)) &* 4096 }

    /// Whether an address is that of an entry of any thread's shadow stack.
    static func contain(_ address: UInt64) -> Bool {
        if address % 32 != 0 { return false }
        for index in 0..<count {
            let region = nopal_load64(entry(index))
            if region != 0 && address >= region && address &- region < byteCount(entry(index)) { return true }
        }
        return false
    }
}
