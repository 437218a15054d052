import CSupport
import Glibc
import TraceFormat

/// The host's view of a session's shared memory (see `SessionMemory` for its layout).
final class SharedMemory: @unchecked Sendable {
    /// The memfd; every process of the session maps it.
    let descriptor: Int32
    /// How many blocks there is room for; more are used when there are more threads than blocks.
    let capacity: Int
    /// 2 GiB of address space, and 128 MiB where programs have little of it.
    static let reserve = 32768
    static let smallReserve = 2048
    private let base: UnsafeMutableRawPointer
    private let byteCount: Int

    /// - Parameters:
    ///   - bufferByteCount: memory that blocks may take before a thread has to wait; at least 4 blocks.
    ///   - reserve: blocks that there is room for at least.
    init(bufferByteCount: Int, whenFull: WhenFull, reserve: Int = SharedMemory.reserve) throws(ControlError) {
        let wanted = max(4, bufferByteCount / SessionMemory.blockByteCount)
        capacity = max(wanted, reserve)
        byteCount = SessionMemory.byteCount(blockCount: capacity)
        descriptor = try ControlError.check(nopal_memory_file("nopal-session"), "cannot make shared memory")
        // Sparse: memory is taken when a block is first written.
        guard ftruncate(descriptor, byteCount) == 0 else {
            throw .system(what: "cannot make \(byteCount) bytes of shared memory", errno: errno)
        }
        guard let at = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
            unsafe at != MAP_FAILED
        else { throw .system(what: "cannot map \(byteCount) bytes of shared memory", errno: errno) }
        unsafe base = at
        writeHeader(blockCount: wanted, whenFull: whenFull)
    }

    /// The memory of a process that had no host, as its file has it; the file stays as it is.
    ///
    /// Throws: `.badFile` when it is none, or not whole.
    init(eventsFile path: String) throws(ControlError) {
        let file = try EventsFile(path: path)
        descriptor = file.descriptor
        capacity = file.blockCount
        byteCount = file.byteCount
        unsafe base = file.base
    }

    deinit {
        unsafe munmap(base, byteCount)
        Glibc.close(descriptor)
    }

    private func writeHeader(blockCount: Int, whenFull: WhenFull) {
        typealias Offset = SessionMemory.HeaderOffset
        unsafe nopal_store_release32(header(Offset.version), SessionMemory.version)
        unsafe nopal_store_release32(header(Offset.blockCount), UInt32(blockCount))
        unsafe nopal_store_release32(header(Offset.whenFull), whenFull.rawValue)
        unsafe nopal_store_release32(header(Offset.hostProcess), UInt32(getpid()))
        unsafe nopal_store_release32(header(Offset.nextThreadSerial), 1)
        unsafe nopal_store_release64(header(Offset.nextBlockOrder), 1)
        unsafe nopal_store_release64(header(Offset.magic), SessionMemory.magic)
    }

    private func header(_ offset: Int) -> UnsafeMutableRawPointer { unsafe base + offset }

    private func field(_ index: Int, _ offset: Int) -> UnsafeMutableRawPointer {
        unsafe base + SessionMemory.headerByteCount + index * SessionMemory.descriptorByteCount + offset
    }

    private func block(_ index: Int) -> UnsafeMutableRawPointer {
        unsafe base + SessionMemory.blocksOffset(blockCount: capacity) + index * SessionMemory.blockByteCount
    }

    /// Blocks in use so far: the first so many descriptors.
    var blockCount: Int {
        min(capacity, Int(unsafe nopal_load_acquire32(header(SessionMemory.HeaderOffset.blockCount))))
    }
    var lostEvents: UInt64 { unsafe nopal_load_acquire64(header(SessionMemory.HeaderOffset.lostEvents)) }
    var waitedNanos: UInt64 { unsafe nopal_load_acquire64(header(SessionMemory.HeaderOffset.waitedNanos)) }
    var nextThreadSerial: UInt32 { unsafe nopal_load_acquire32(header(SessionMemory.HeaderOffset.nextThreadSerial)) }

    /// Tells every agent that nothing is recorded any more; threads that wait go on.
    func close() {
        unsafe nopal_store_release32(header(SessionMemory.HeaderOffset.closed), 1)
        wakeWaiters()
    }

    var isClosed: Bool { unsafe nopal_load_acquire32(header(SessionMemory.HeaderOffset.closed)) != 0 }

    /// Sleeps until blocks are full, or for a few milliseconds.
    func sleepUntilFull(timeoutNanos: Int64) {
        let generation = unsafe header(SessionMemory.HeaderOffset.fullGeneration)
        let sleeps = unsafe header(SessionMemory.HeaderOffset.hostSleeps)
        let seen = unsafe nopal_load_acquire32(generation)
        unsafe nopal_store_release32(sleeps, 1)
        unsafe nopal_futex_wait(generation, seen, timeoutNanos)
        unsafe nopal_store_release32(sleeps, 0)
    }

    /// Ends a sleep in `sleepUntilFull`.
    func wakeSleeper() {
        let generation = unsafe header(SessionMemory.HeaderOffset.fullGeneration)
        _ = unsafe nopal_fetch_add32(generation, 1)
        unsafe nopal_futex_wake(generation)
    }

    private func wakeWaiters() {
        let generation = unsafe header(SessionMemory.HeaderOffset.freeGeneration)
        _ = unsafe nopal_fetch_add32(generation, 1)
        if unsafe nopal_load_acquire32(header(SessionMemory.HeaderOffset.freeWaiters)) > 0 {
            unsafe nopal_futex_wake(generation)
        }
    }

    func state(_ index: Int) -> BlockState? {
        BlockState(rawValue: unsafe nopal_load_acquire32(field(index, SessionMemory.DescriptorOffset.state)))
    }

    /// Takes a block for draining; false when it is not in that state any more.
    func take(_ index: Int, from state: BlockState) -> Bool {
        unsafe nopal_compare_swap32(
            field(index, SessionMemory.DescriptorOffset.state), state.rawValue, BlockState.draining.rawValue) != 0
    }

    /// Gives a drained block back; whoever takes it next zeroes it.
    func giveBack(_ index: Int) {
        unsafe nopal_store_release32(field(index, SessionMemory.DescriptorOffset.process), 0)
        unsafe nopal_store_release32(field(index, SessionMemory.DescriptorOffset.state), BlockState.free.rawValue)
        wakeWaiters()
    }

    func owner(_ index: Int) -> BlockOwner {
        typealias Offset = SessionMemory.DescriptorOffset
        return BlockOwner(
            process: unsafe nopal_load_acquire32(field(index, Offset.process)),
            thread: unsafe nopal_load_acquire32(field(index, Offset.thread)),
            serial: unsafe nopal_load_acquire32(field(index, Offset.threadSerial)))
    }

    func head(_ index: Int) -> EventsHead {
        typealias Offset = SessionMemory.DescriptorOffset
        return EventsHead(
            threadSerial: unsafe nopal_load_acquire32(field(index, Offset.threadSerial)),
            sequence: unsafe nopal_load_acquire32(field(index, Offset.sequence)),
            lostBefore: unsafe nopal_load_acquire64(field(index, Offset.lostBefore)),
            order: unsafe nopal_load_acquire64(field(index, Offset.order)),
            openCalls: unsafe nopal_load_acquire32(field(index, Offset.openCalls)),
            flags: unsafe nopal_load_acquire32(field(index, Offset.flags)))
    }

    /// What the thread of a block was called, where its process has noted it; else empty.
    func threadName(_ index: Int) -> String {
        let start = unsafe field(index, SessionMemory.DescriptorOffset.name)
        let bytes = unsafe UnsafeRawBufferPointer(start: start, count: 16)
        return String(decoding: unsafe bytes.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// Numbers of the header page, as an agent without a host leaves them (`StandalonePlan.Events`).
    func noted32(_ offset: Int) -> UInt32 { unsafe nopal_load_acquire32(header(offset)) }
    func noted64(_ offset: Int) -> UInt64 { unsafe nopal_load_acquire64(header(offset)) }

    /// The words of a block up to the last one that was written.
    func words(_ index: Int) -> UnsafeRawBufferPointer {
        let start = unsafe block(index) + SessionMemory.wordsOffset
        var count = SessionMemory.blockByteCount - SessionMemory.wordsOffset
        while count > 0, unsafe start.load(fromByteOffset: count - 8, as: UInt64.self) == 0 { count -= 8 }
        return unsafe UnsafeRawBufferPointer(start: start, count: count)
    }
}

/// Whose a block is.
struct BlockOwner: Equatable {
    var process: UInt32
    var thread: UInt32
    var serial: UInt32
}
