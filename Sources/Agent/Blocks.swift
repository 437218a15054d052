import AgentShims

/// Hands blocks of the shared memory to traced threads (see `SessionMemory` for the states).
///
/// Runs on the traced thread: no allocation, no lock. Signals are blocked while a thread's block
/// changes, so that a traced signal handler never sees half a change.
enum Blocks {
    /// Whether a reserved address lies in a block and not in a block's head (see `SessionMemory`).
    static func isSlot(_ address: UInt64) -> Bool { address & UInt64(SessionMemory.slotMask) != 0 }

    /// Gives the thread a block with room; false when the event has to be lost.
    static func take(_ thread: ThreadState) -> Bool {
        while isOpen {
            if Forking.isUnnoticed { Forking.begin() }
            // Of events that are lost one after the other only a few cost system calls.
            if thread.pointee.cursor <= vainLimit && hasFailed(thread) { return lose(thread) }
            let mask = System.blockSignals()
            // A signal handler may have taken one since the stub looked.
            if isSlot(thread.pointee.cursor) {
                System.restoreSignals(mask)
                return true
            }
            retire(thread)
            let found = claim(thread)
            if found { begin(thread) }
            System.restoreSignals(mask)
            if found { return true }
            if mode != WhenFull.wait.rawValue { return lose(thread) }
            Waiting.wait(thread)
        }
        // Each reservation in vain moves it on: it must not become the address of a slot.
        thread.pointee.cursor = 0
        return false
    }

    /// Reservations in vain that a thread may make before its cursor is set back; handlers that interrupt one another
    /// have the rest, up to the first slot.
    private static let vainLimit = UInt64(SessionMemory.headByteCount / 2)

    private static var isOpen: Bool {
        if !AgentState.isRecording { return false }
        if nopal_load32(AgentState.field(SessionMemory.HeaderOffset.closed)) == 0 { return true }
        Disarming.run()
        return false
    }

    static var mode: UInt32 { nopal_load32(AgentState.field(SessionMemory.HeaderOffset.whenFull)) }

    private static func lose(_ thread: ThreadState) -> Bool {
        thread.pointee.lost = thread.pointee.lost &+ 1
        _ = nopal_add64(AgentState.field(SessionMemory.HeaderOffset.lostEvents), 1)
        return false
    }

    static func descriptor(_ index: UInt32) -> UInt64 {
        AgentState.field(SessionMemory.headerByteCount)
            &+ UInt64(index) &* UInt64(SessionMemory.descriptorByteCount)
    }

    static func field(_ index: UInt32, _ offset: Int) -> UInt64 {
        descriptor(index) &+ UInt64(truncatingIfNeeded: offset)
    }

    /// Hands the thread's block over, or lets it linger when an interrupted stub still has to
    /// write into it. Leaves the thread without a block. Signals are blocked.
    private static func retire(_ thread: ThreadState) {
        Lingering.settle(thread)
        let block = thread.pointee.block
        let reserved = thread.pointee.cursor &- block
        thread.pointee.cursor = 0
        if block == 0 { return }
        thread.pointee.block = 0
        let size = UInt64(SessionMemory.blockByteCount)
        let end = block &+ (reserved < size ? reserved : size)
        if Lingering.hasUnwrittenWords(block, upTo: end) {
            Lingering.fill(from: end, to: block &+ size)
            Lingering.add(thread, thread.pointee.block_index)
        } else {
            handOver(thread.pointee.block_index)
        }
    }

    /// Hands the thread's block over as it is; the next event takes another.
    static func giveBack(_ thread: ThreadState) {
        let mask = System.blockSignals()
        retire(thread)
        System.restoreSignals(mask)
    }

    /// The thread's stack is being unwound for good.
    static func noteEnding(_ thread: ThreadState) {
        thread.pointee.is_ending = 1
        if thread.pointee.block != 0 {
            nopal_store32(field(thread.pointee.block_index, SessionMemory.DescriptorOffset.flags), 1)
        }
    }

    static func handOver(_ index: UInt32) {
        nopal_store32(
            field(index, SessionMemory.DescriptorOffset.usedByteCount), UInt32(SessionMemory.blockByteCount))
        nopal_store32(field(index, SessionMemory.DescriptorOffset.state), BlockState.full.rawValue)
        let generation = nopal_add32(AgentState.field(SessionMemory.HeaderOffset.fullGeneration), 1)
        // The host looks by itself every few milliseconds; waking it is for a burst.
        if generation % 64 == 0 { Waiting.wakeHost() }
    }

    /// Whether a search would be in vain: with drop, nothing was given back since the last one.
    private static func hasFailed(_ thread: ThreadState) -> Bool {
        let generation = nopal_load32(AgentState.field(SessionMemory.HeaderOffset.freeGeneration))
        return thread.pointee.failed_generation == generation &+ 1 && mode == WhenFull.drop.rawValue
    }

    /// Finds a block and makes it the thread's. Signals are blocked.
    private static func claim(_ thread: ThreadState) -> Bool {
        let generation = nopal_load32(AgentState.field(SessionMemory.HeaderOffset.freeGeneration))
        if hasFailed(thread) { return false }
        while true {
            let count = blockCount
            let (index, anyFull) = search(count)
            if index < count {
                thread.pointee.block_index = index
                thread.pointee.failed_generation = 0
                return true
            }
            if anyFull {
                if mode == WhenFull.overwrite.rawValue && takeOldest(thread, count) { return true }
                thread.pointee.failed_generation = generation &+ 1
                return false
            }
            // Every block belongs to a thread: there are more threads than blocks.
            if !grow(from: count) {
                thread.pointee.failed_generation = generation &+ 1
                return false
            }
        }
    }

    private static var blockCount: UInt32 {
        let count = nopal_load32(AgentState.field(SessionMemory.HeaderOffset.blockCount))
        return count < AgentState.mappedBlockCount ? count : AgentState.mappedBlockCount
    }

    /// The first free block: as few as possible are in use, and these stay in the caches.
    private static func search(_ count: UInt32) -> (index: UInt32, anyFull: Bool) {
        var anyFull = false
        for index in 0..<count {
            let state = nopal_load32(field(index, SessionMemory.DescriptorOffset.state))
            if state == BlockState.owned.rawValue { continue }
            if state != BlockState.free.rawValue {
                anyFull = true
                continue
            }
            let at = field(index, SessionMemory.DescriptorOffset.state)
            if nopal_swap32(at, BlockState.free.rawValue, BlockState.owned.rawValue) != 0 {
                return (index, anyFull)
            }
        }
        return (count, anyFull)
    }

    private static func grow(from count: UInt32) -> Bool {
        if count >= AgentState.mappedBlockCount { return false }
        let at = AgentState.field(SessionMemory.HeaderOffset.blockCount)
        _ = nopal_swap32(at, count, count &+ 1)
        return true
    }

    /// The flight recorder: the oldest full block is overwritten, and its events are counted.
    private static func takeOldest(_ thread: ThreadState, _ count: UInt32) -> Bool {
        var oldest: UInt32 = count
        var order: UInt64 = ~0
        for index in 0..<count {
            let state = nopal_load32(field(index, SessionMemory.DescriptorOffset.state))
            if state != BlockState.full.rawValue { continue }
            let itsOrder = nopal_load64(field(index, SessionMemory.DescriptorOffset.order))
            if itsOrder < order { (oldest, order) = (index, itsOrder) }
        }
        if oldest == count { return false }
        let at = field(oldest, SessionMemory.DescriptorOffset.state)
        if nopal_swap32(at, BlockState.full.rawValue, BlockState.draining.rawValue) == 0 { return false }
        let events = Lingering.eventCount(address(oldest))
        _ = nopal_add64(AgentState.field(SessionMemory.HeaderOffset.lostEvents), events)
        nopal_store32(field(oldest, SessionMemory.DescriptorOffset.process), 0)
        nopal_store32(at, BlockState.owned.rawValue)
        thread.pointee.block_index = oldest
        return true
    }

    static func address(_ index: UInt32) -> UInt64 {
        AgentState.blocks &+ UInt64(index) &* UInt64(SessionMemory.blockByteCount)
    }

    /// Makes a claimed block the one the thread writes into. Signals are blocked.
    private static func begin(_ thread: ThreadState) {
        let index = thread.pointee.block_index
        if thread.pointee.serial == 0 {
            thread.pointee.serial = nopal_add32(
                AgentState.field(SessionMemory.HeaderOffset.nextThreadSerial), 1)
            if thread.pointee.tid == 0 { thread.pointee.tid = System.threadID() }
        }
        let block = address(index)
        // Zeroed here and not by the host: the lines are then in this core's cache.
        nopal_zero(block, UInt64(SessionMemory.blockByteCount))
        describe(thread, index)
        thread.pointee.block = block
        Recording.writeClock(thread, block &+ UInt64(SessionMemory.wordsOffset), nopal_ticks())
        thread.pointee.cursor = block &+ UInt64(SessionMemory.headByteCount)
    }

    private static func describe(_ thread: ThreadState, _ index: UInt32) {
        typealias Offset = SessionMemory.DescriptorOffset
        nopal_store32(field(index, Offset.thread), thread.pointee.tid)
        nopal_store32(field(index, Offset.threadSerial), thread.pointee.serial)
        nopal_store32(field(index, Offset.sequence), thread.pointee.sequence)
        nopal_store32(field(index, Offset.usedByteCount), 0)
        nopal_store64(field(index, Offset.lostBefore), thread.pointee.lost)
        nopal_store64(
            field(index, Offset.order),
            nopal_add64(AgentState.field(SessionMemory.HeaderOffset.nextBlockOrder), 1))
        nopal_store32(field(index, Offset.openCalls), ShadowStack.openCalls(thread))
        nopal_store32(field(index, Offset.flags), thread.pointee.is_ending)
        thread.pointee.sequence = thread.pointee.sequence &+ 1
        thread.pointee.lost = 0
        if AgentState.isStandalone { System.storeThreadName(at: field(index, Offset.name)) }
        // Last: with a process named, the host may look at the block when its owner is dead.
        nopal_store32(field(index, Offset.process), AgentState.process)
    }
}
