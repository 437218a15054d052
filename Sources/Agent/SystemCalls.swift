import AgentShims

/// System calls, made directly: libc's wrappers would touch errno, and may be traced themselves.
///
/// Results are as the kernel gives them: negative errno on failure. What differs from one instruction set to the
/// other is in SystemCalls_*.swift: the numbers, and structures of the kernel.
enum System {
    static func call(
        _ number: Int64, _ a: Int64 = 0, _ b: Int64 = 0, _ c: Int64 = 0, _ d: Int64 = 0, _ e: Int64 = 0,
        _ f: Int64 = 0
    ) -> Int64 { nopal_system_call(number, a, b, c, d, e, f) }

    static let noSuchProcess: Int64 = -3
    static let interrupted: Int64 = -4
    static let noSuchCall: Int64 = -38

    static let protectRead: Int64 = 1
    static let protectWrite: Int64 = 2
    static let protectExecute: Int64 = 4

    /// Zeroed private memory, committed when touched; 0 when there is none.
    static func allocate(_ byteCount: UInt64) -> UInt64 {
        #if arch(arm)
            let aside = allocateAside(byteCount)
            if aside != 0 { return aside }
        #endif
        let privateAnonymousNoReserve: Int64 = 0x02 | 0x20 | 0x4000
        let at = mapPages(
            0, Int64(bitPattern: byteCount), protectRead | protectWrite, privateAnonymousNoReserve, -1, offset: 0)
        return at < 0 && at > -4096 ? 0 : UInt64(bitPattern: at)
    }

    /// Maps a file; 0 when it can't. With `address`, exactly there, never over something else.
    static func map(
        _ descriptor: Int64, byteCount: UInt64, protection: Int64, shared: Bool, offset: UInt64 = 0,
        address: UInt64 = 0
    ) -> UInt64 {
        let fixedNoReplace: Int64 = address == 0 ? 0 : 0x100000
        let at = mapPages(
            Int64(bitPattern: address), Int64(bitPattern: byteCount), protection,
            (shared ? 1 : 2) | fixedNoReplace, descriptor, offset: offset)
        if at < 0 && at > -4096 { return 0 }
        // A kernel before 4.17 takes the address as a hint only.
        if address != 0 && UInt64(bitPattern: at) != address {
            unmap(UInt64(bitPattern: at), byteCount)
            return 0
        }
        return UInt64(bitPattern: at)
    }

    /// Maps a file, to be read and written and seen by all, at a multiple of `alignment`; 0 when it can't.
    static func mapShared(_ descriptor: Int64, byteCount: UInt64, alignment: UInt64) -> UInt64 {
        let fixed: Int64 = 0x10
        let shared: Int64 = 1
        let reserved = allocate(byteCount &+ alignment)
        if reserved == 0 { return 0 }
        let start = (reserved &+ alignment &- 1) / alignment &* alignment
        let at = mapPages(
            Int64(bitPattern: start), Int64(bitPattern: byteCount), protectRead | protectWrite, shared | fixed,
            descriptor, offset: 0)
        if at < 0 && at > -4096 {
            unmap(reserved, byteCount &+ alignment)
            return 0
        }
        if start > reserved { unmap(reserved, start &- reserved) }
        let end = reserved &+ alignment
        if end > start { unmap(start &+ byteCount, end &- start) }
        return start
    }

    /// Zeroed private memory exactly there, never over something else.
    static func mapExactly(_ address: UInt64, _ byteCount: UInt64) -> Bool {
        let privateAnonymousFixed: Int64 = 0x02 | 0x20 | 0x100000
        let at = mapPages(
            Int64(bitPattern: address), Int64(bitPattern: byteCount), protectRead | protectWrite,
            privateAnonymousFixed, -1, offset: 0)
        if at < 0 && at > -4096 { return false }
        if UInt64(bitPattern: at) == address { return true }
        unmap(UInt64(bitPattern: at), byteCount)
        return false
    }

    static func unmap(_ address: UInt64, _ byteCount: UInt64) {
        _ = call(CallNumber.unmap, Int64(bitPattern: address), Int64(bitPattern: byteCount))
    }

    /// Of all pages that hold a part of the range: those of AArch64 may have 64 KiB.
    static func protect(_ address: UInt64, _ byteCount: UInt64, _ protection: Int64) -> Int64 {
        let mask = nopal_page_byte_count() &- 1
        let start = address & ~mask
        let end = (address &+ byteCount &+ mask) & ~mask
        return call(CallNumber.protect, Int64(bitPattern: start), Int64(bitPattern: end &- start), protection)
    }

    @discardableResult
    static func advise(_ address: UInt64, _ byteCount: UInt64, _ advice: Int64) -> Int64 {
        call(CallNumber.advise, Int64(bitPattern: address), Int64(bitPattern: byteCount), advice)
    }

    static let adviseDontNeed: Int64 = 4
    static let adviseNoHugePage: Int64 = 15

    /// Blocks every signal for this thread; returns the mask to restore.
    static func blockSignals() -> UInt64 {
        var all: UInt64 = ~0
        var before: UInt64 = 0
        _ = withUnsafePointer(to: &all) { all in
            withUnsafeMutablePointer(to: &before) { before in
                call(CallNumber.signalMask, 0, address(all), address(before), 8)
            }
        }
        return before
    }

    static func restoreSignals(_ mask: UInt64) {
        var mask = mask
        _ = withUnsafePointer(to: &mask) { call(CallNumber.signalMask, 2, address($0), 0, 8) }
    }

    static func threadID() -> UInt32 { UInt32(truncatingIfNeeded: call(CallNumber.threadID)) }
    static func processID() -> UInt32 { UInt32(truncatingIfNeeded: call(CallNumber.processID)) }
    static func parentID() -> UInt32 { UInt32(truncatingIfNeeded: call(CallNumber.parentID)) }

    static func threadExists(process: UInt32, thread: UInt32) -> Bool {
        call(CallNumber.signalThread, Int64(process), Int64(thread), 0) != noSuchProcess
    }

    static func processExists(_ process: UInt32) -> Bool {
        call(CallNumber.signalProcess, Int64(process), 0) != noSuchProcess
    }

    /// Waits while the word at `address` is `expected`, at most so long.
    static func futexWait(_ address: UInt64, expected: UInt32, timeoutNanos: Int64) {
        let second: UInt64 = 1_000_000_000
        let nanos = timeoutNanos < 0 ? 0 : UInt64(timeoutNanos)
        var time = (seconds: Int64(nanos / second), nanos: Int64(nanos % second))
        _ = withUnsafePointer(to: &time) {
            call(CallNumber.futex, Int64(bitPattern: address), 0, Int64(expected), System.address($0))
        }
    }

    static func futexWake(_ address: UInt64, count: Int64) {
        _ = call(CallNumber.futex, Int64(bitPattern: address), 1, count)
    }

    static func monotonicNanos() -> UInt64 { nanos(ofClock: 1) }
    static func realtimeNanos() -> UInt64 { nanos(ofClock: 0) }

    private static func nanos(ofClock clock: Int64) -> UInt64 {
        var time: (seconds: Int64, nanos: Int64) = (0, 0)
        _ = withUnsafeMutablePointer(to: &time) { call(CallNumber.clock, clock, address($0)) }
        return UInt64(bitPattern: time.seconds &* 1_000_000_000 &+ time.nanos)
    }

    /// Reads a number of the machine's word size of this process that may not be mapped; nil when it is not.
    static func readSafely(_ from: UInt64, process: UInt32) -> UInt64? {
        var value: UInt64 = 0
        let done = withUnsafeMutablePointer(to: &value) { value -> Int64 in
            var local = (base: UInt(bitPattern: value), count: Word.byteCount)
            var remote = (base: UInt(truncatingIfNeeded: from), count: Word.byteCount)
            return withUnsafePointer(to: &local) { local in
                withUnsafePointer(to: &remote) { remote in
                    call(CallNumber.readProcess, Int64(process), address(local), 1, address(remote), 1, 0)
                }
            }
        }
        if done == Int64(Word.byteCount) { return value }
        return done == noSuchCall ? readMapped(from) : nil
    }

    /// The same where the kernel offers no reading of memory that may not be there (emulators): is it mapped?
    private static func readMapped(_ from: UInt64) -> UInt64? {
        var present: UInt8 = 0
        let page: UInt64 = 4096
        let found = withUnsafeMutablePointer(to: &present) {
            call(CallNumber.residency, Int64(bitPattern: from & ~(page &- 1)), Int64(page), address($0))
        }
        return found == 0 && from % UInt64(Word.byteCount) == 0 ? nopal_load_word(from) : nil
    }

    /// Sixteen bytes at most, the end mark among them.
    static func storeThreadName(at place: UInt64) {
        let getName: Int64 = 16
        _ = call(CallNumber.processControl, getName, Int64(bitPattern: place))
    }

    static func open(_ path: UInt64, flags: Int64, mode: Int64 = 0) -> Int64 {
        let atWorkingDirectory: Int64 = -100
        let closeOnExec: Int64 = 0o2000000
        return call(CallNumber.open, atWorkingDirectory, Int64(bitPattern: path), flags | closeOnExec, mode)
    }

    static func read(_ descriptor: Int64, _ to: UInt64, _ byteCount: UInt64) -> Int64 {
        call(CallNumber.read, descriptor, Int64(bitPattern: to), Int64(bitPattern: byteCount))
    }

    static func readAt(_ descriptor: Int64, _ to: UInt64, _ byteCount: UInt64, offset: UInt64) -> Int64 {
        transferAt(CallNumber.readAt, descriptor, to, byteCount, offset)
    }

    static func writeAt(_ descriptor: Int64, _ from: UInt64, _ byteCount: UInt64, offset: UInt64) -> Int64 {
        transferAt(CallNumber.writeAt, descriptor, from, byteCount, offset)
    }

    /// The size of an open file; 0 when it can't be told.
    static func fileByteCount(_ descriptor: Int64) -> UInt64 { FileStatus(descriptor)?.byteCount ?? 0 }

    /// Registers this process for, or does, a core sync of its threads; negative errno where the kernel has none.
    static func registerCoreSync() -> Int64 { call(CallNumber.memoryBarrier, 64, 0) }
    static func syncCores() -> Int64 { call(CallNumber.memoryBarrier, 32, 0) }

    static func close(_ descriptor: Int64) { _ = call(CallNumber.close, descriptor) }

    static func address<T>(_ pointer: UnsafePointer<T>) -> Int64 { Int64(Int(bitPattern: pointer)) }
    static func address<T>(_ pointer: UnsafeMutablePointer<T>) -> Int64 { Int64(Int(bitPattern: pointer)) }
    /// The address of a word that several threads use.
    static func word<T>(_ pointer: UnsafeMutablePointer<T>) -> UInt64 { UInt64(UInt(bitPattern: pointer)) }
}
