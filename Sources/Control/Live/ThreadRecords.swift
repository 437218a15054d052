import Glibc
import Patching
import Programs
import Stubs
import TraceFormat

/// What the agent keeps for each thread of a stopped process, read and reset by the host.
///
/// Layout: `ThreadStateLayout.Field`, `ShadowEntry`; the contract with `struct nopal_thread`.
struct ThreadRecords {
    let memory: ProcessMemory
    let layout: ThreadStateLayout
    /// Where the agent's and the stubs' code lies: a thread in there holds pointers into blocks.
    let agentCode: [Range<UInt64>]
    let arenas: [Range<UInt64>]

    init(_ memory: ProcessMemory, _ layout: ThreadStateLayout, agentPath: String) {
        self.memory = memory
        self.layout = layout
        let maps = (try? ProcessMaps.read(process: memory.process)) ?? []
        arenas = LiveSites(memory: memory).arenas
        agentCode = maps.filter { $0.path == agentPath && $0.permissions.contains("x") }.map { $0.start..<$0.end }
    }

    private func state(_ thread: StoppedThread) -> UInt64? {
        guard thread.threadPointer != 0 else { return nil }
        return thread.threadPointer &+ UInt64(bitPattern: Int64(layout.base))
    }

    /// Whether a thread is neither in a stub nor in the agent, nor comes back to one from a signal handler.
    func isOutside(_ thread: StoppedThread, _ scan: StackScan) -> Bool {
        let code = agentCode + arenas
        func isInside(_ address: UInt64) -> Bool { code.contains { $0.contains(address) } }
        if isInside(thread.instructionPointer) { return false }
        guard let low = code.map(\.lowerBound).min(), let high = code.map(\.upperBound).max() else { return true }
        return !scan.hits(thread, in: low..<high, where: isInside).contains(where: \.isSignalFrame)
    }

    /// Takes the thread's block away from it: its next event begins anew, or is not recorded.
    func reset(_ thread: StoppedThread, depthLimit: Int?) {
        guard let state = state(thread), let bytes = memory.read(state, count: ThreadStateLayout.Field.byteCount) else {
            return
        }
        let base = Self.word(bytes, ThreadStateLayout.Field.shadowBase)
        // A thread that never recorded has nothing to take away.
        guard base != 0 else { return }
        let zeros = [UInt8](repeating: 0, count: 24)
        _ = memory.write(state &+ UInt64(ThreadStateLayout.Field.cursor), word: 0)
        _ = memory.write(state &+ UInt64(ThreadStateLayout.Field.block), Array(zeros[..<20]))
        _ = memory.write(state &+ UInt64(ThreadStateLayout.Field.lost), word: 0)
        _ = memory.write(state &+ UInt64(ThreadStateLayout.Field.lingering), Array(zeros[..<16]))
        _ = memory.write(state &+ UInt64(ThreadStateLayout.Field.failedGeneration), Array(zeros[..<4]))
        let limit = depthLimit.map { base &+ (UInt64($0) + 1) * UInt64(ShadowEntry.byteCount) } ?? .max
        _ = memory.write(state &+ UInt64(ThreadStateLayout.Field.depthLimit), word: limit)
    }

    /// The entries of a thread's shadow stack, the sentinel left out, and where they begin.
    private func entries(_ thread: StoppedThread) -> (start: UInt64, bytes: [UInt8])? {
        guard let state = state(thread), let bytes = memory.read(state, count: ThreadStateLayout.Field.byteCount) else {
            return nil
        }
        let base = Self.word(bytes, ThreadStateLayout.Field.shadowBase)
        let top = Self.word(bytes, ThreadStateLayout.Field.shadowTop)
        let start = base &+ UInt64(ShadowEntry.byteCount)
        let limit: UInt64 = 32 << 20
        guard base != 0, top > start, top - start < limit, let entries = memory.read(start, count: Int(top - start))
        else {
            return nil
        }
        return (start, entries)
    }

    /// Makes the ends of calls that began in an earlier session say nothing.
    func voidOpenCalls(_ thread: StoppedThread) {
        guard let (start, found) = entries(thread) else { return }
        var bytes = found
        let void = EventWord.upperHalf(kind: .void, payload: 0)
        for entry in stride(from: 0, to: bytes.count, by: Int(ShadowEntry.byteCount)) {
            let at = entry + Int(ShadowEntry.exitWord)
            guard bytes[at..<at + 4] != [0, 0, 0, 0] else { continue }
            for byte in 0..<4 { bytes[at + byte] = UInt8(truncatingIfNeeded: void >> UInt32(8 * byte)) }
        }
        _ = memory.write(start, bytes)
    }

    /// The arenas that a thread is in, or will come back to: their stubs' calls are open on some stack.
    func arenasInUse(_ thread: StoppedThread, _ scan: StackScan) -> Set<UInt64> {
        var used: Set<UInt64> = []
        func note(_ address: UInt64) {
            if let arena = arenas.first(where: { $0.contains(address) }) { used.insert(arena.lowerBound) }
        }
        note(thread.instructionPointer)
        if let low = arenas.map(\.lowerBound).min(), let high = arenas.map(\.upperBound).max() {
            for hit in scan.hits(thread, in: low..<high, where: { address in arenas.contains { $0.contains(address) } })
            {
                note(hit.value)
            }
        }
        guard let (_, bytes) = entries(thread) else { return used }
        let barrier = UInt64.max
        for entry in stride(from: 0, to: bytes.count, by: Int(ShadowEntry.byteCount)) {
            let negated = Self.word(bytes, entry + Int(ShadowEntry.negatedSlot))
            // Without the word of its exit: its call was unwound.
            if bytes[(entry + Int(ShadowEntry.exitWord))...].prefix(4).allSatisfy({ $0 == 0 }) { continue }
            if negated != 0, negated != barrier, let value = memory.word(0 &- negated) { note(value) }
        }
        return used
    }

    private static func word(_ bytes: [UInt8], _ offset: Int) -> UInt64 {
        (0..<8).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64(8 * $1) }
    }
}
