import Reading
import TraceFormat

/// Synthesizes a trace: threads of blocks of words, through the real writer.
public final class TraceBuilder {
    public let writer: ChunkWriter
    /// What a thread has recorded and not yet written.
    public struct ThreadState {
        var words: [UInt64] = []
        var sequence: UInt32 = 0
        var epoch: UInt64?
        public init() {}
        public var lostBefore: UInt64 = 0
        public var openCalls: UInt32 = 0
    }
    public var threads: [UInt32: ThreadState] = [:]
    private var order: UInt64 = 0

    /// - Parameter functions: linkage names; the ids are 1... in this order.
    public init(
        path: String, functions: [String], entryOnly: Set<String> = [], fits: [ClockFitRecord] = TraceBuilder.fits
    ) throws {
        writer = try ChunkWriter.create(path: path)
        try writer.append(
            record: SessionRecord(
                nopalVersion: "0.1", hostName: "host", kernel: "Linux 6.1", commandLine: ["./prog", "-x"],
                startRealtimeNanos: 1_700_000_000_000_000_000, bufferByteCount: 1 << 20))
        try writer.append(
            record: ModuleRecord(
                index: 0, path: "/opt/bin/prog", buildID: [0xab, 0x01], siteCount: UInt64(functions.count) + 1,
                tracedCount: UInt64(functions.count),
                notTraced: [SiteTally(reason: "branch into the prologue", count: 1, examples: ["odd"])],
                functions: functions.enumerated().map { index, name in
                    FunctionRecord(
                        id: UInt32(index + 1), name: name, address: 0x1000 + UInt64(index) * 64, byteCount: 64,
                        hasExits: !entryOnly.contains(name))
                }))
        try writer.append(
            record: ProcessRecord(process: 100, parent: 1, origin: .started, executable: "/opt/bin/prog", tick: 0))
        for fit in fits { try writer.append(record: fit) }
    }

    /// One tick is one nanosecond, and tick 0 is second 1.
    public static let fits = [
        ClockFitRecord(tick: 0, monotonicNanos: 1_000_000_000, realtimeNanos: 0),
        ClockFitRecord(tick: 1 << 40, monotonicNanos: 1_000_000_000 + 1 << 40, realtimeNanos: 1 << 40),
    ]

    public func thread(_ serial: UInt32, tid: UInt32, name: String = "prog") throws {
        threads[serial] = ThreadState()
        try writer.append(record: ThreadRecord(serial: serial, process: 100, thread: tid, name: name))
    }

    /// Records as the agent does: a clock word at the start of a block and whenever the epoch changes.
    public func event(_ serial: UInt32, _ kind: EventKind, _ function: UInt32, _ tick: UInt64) throws {
        var state = threads[serial] ?? ThreadState()
        let epoch = tick >> 32
        if state.epoch != epoch || state.words.isEmpty {
            state.words.append(EventWord(kind: .clock, payload: UInt32(truncatingIfNeeded: epoch), tickLow: 0).raw)
            state.epoch = epoch
        }
        state.words.append(EventWord(kind: kind, payload: function, tickLow: UInt32(truncatingIfNeeded: tick)).raw)
        threads[serial] = state
        if state.words.count >= SessionMemory.wordsPerBlock { try flush(serial) }
    }

    /// Puts a word in place as it is.
    public func word(_ serial: UInt32, _ raw: UInt64) { threads[serial, default: ThreadState()].words.append(raw) }

    /// Writes the block; `skipping` blocks count as overwritten.
    public func flush(_ serial: UInt32, skipping: UInt32 = 0) throws {
        guard var state = threads[serial], !state.words.isEmpty else { return }
        order += 1
        let head = EventsHead(
            threadSerial: serial, sequence: state.sequence + skipping, lostBefore: state.lostBefore, order: order,
            openCalls: state.openCalls)
        var failure: ChunkWriterError?
        state.words.withUnsafeBytes { bytes in
            do throws(ChunkWriterError) { try writer.appendEvents(head: head, words: bytes) } catch { failure = error }
        }
        if let failure { throw failure }
        state.words.removeAll(keepingCapacity: true)
        state.sequence += skipping + 1
        state.lostBefore = 0
        state.epoch = nil
        threads[serial] = state
    }

    public func finish(ledger: LedgerRecord? = LedgerRecord(waitStatus: 0)) throws {
        for serial in threads.keys.sorted() { try flush(serial) }
        if let ledger { try writer.append(record: ledger) }
        try writer.close()
    }
}
