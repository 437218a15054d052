import Synchronization
import TraceFormat

/// A thread of the trace.
public struct TraceThread: Sendable {
    public let serial: UInt32
    /// Process and thread id; 0 when the trace does not tell.
    public let process: UInt32
    public let thread: UInt32
    public let name: String
    /// In the order of their sequence.
    let blocks: [BlockReference]

    /// Words of events, clock words included.
    public var wordCount: Int { blocks.reduce(0) { $0 + $1.wordCount } }
    public var blockCount: Int { blocks.count }
}

/// A trace file, opened. Event words stay in the file until they are walked.
public final class Trace: Sendable {
    public let path: String
    public let byteCount: UInt64
    public let session: SessionRecord?
    public let modules: [ModuleRecord]
    public let processes: [ProcessRecord]
    public let loads: [LoadRecord]
    public let ledger: LedgerRecord?
    /// Sorted by serial.
    public let threads: [TraceThread]
    public let clock: ClockMap

    let source: TraceSource
    private let functions: FunctionTable
    private let foundFaults: Mutex<[TraceFault]>

    /// Reads all but the words of events.
    ///
    /// Throws: when the file is no trace that this version can read. A damaged or torn trace
    /// opens, and `faults` says what was left out.
    public init(path: String) throws(TraceError) {
        source = try TraceSource(path: path)
        let index = try ChunkIndex(source)
        self.path = path
        byteCount = source.byteCount
        session = index.session
        modules = index.modules
        processes = index.processes
        loads = index.loads
        ledger = index.ledger
        threads = Trace.threads(index)
        clock = ClockMap(index.clockFits)
        functions = FunctionTable(index.modules)
        var faults = index.faults
        if clock.fitCount < 2 && !index.blocks.isEmpty {
            faults.append(
                TraceFault(
                    kind: .incomplete,
                    sentence:
                        "the clock's rate is not known (fewer than two clock fits): times are ticks, shown as nanoseconds"
                ))
        }
        foundFaults = Mutex(faults)
    }

    /// What is missing or was left out. Blocks are verified when they are walked, so the list may grow.
    public var faults: [TraceFault] { foundFaults.withLock { $0 } }

    /// True when something that the file holds is not what was written; false for a trace whose
    /// recorder was stopped, which is whole as far as it goes.
    public var isDamaged: Bool { faults.contains { $0.kind == .damaged } }

    /// The function of an id; an unknown id gets a name such as `<function 17>`.
    public func function(_ id: UInt32) -> TracedFunction { functions.function(id) }

    /// Every id that a module names, in ascending order.
    public var functionIDs: [UInt32] { functions.ids }

    /// CLOCK_MONOTONIC for a tick.
    public func nanos(_ tick: UInt64) -> UInt64 { clock.nanos(tick) }

    /// Shows the visitor the calls of one thread from its first event to its last.
    @inlinable
    public func walk<V: CallVisitor>(_ thread: TraceThread, _ visitor: inout V) {
        var walker = ThreadWalker(self, thread)
        while walker.step(&visitor, eventLimit: .max) {}
    }

    func add(damage sentence: String) {
        let fault = TraceFault(kind: .damaged, sentence: sentence)
        foundFaults.withLock { if !$0.contains(fault) && $0.count < 1000 { $0.append(fault) } }
    }

    private static func threads(_ index: ChunkIndex) -> [TraceThread] {
        let records = Dictionary(index.threads.map { ($0.serial, $0) }) { _, later in later }
        let blocks = Dictionary(grouping: index.blocks) { $0.head.threadSerial }
        return Set(records.keys).union(blocks.keys).sorted().map { serial in
            let record = records[serial]
            return TraceThread(
                serial: serial, process: record?.process ?? 0, thread: record?.thread ?? 0,
                name: record?.name ?? "",
                blocks: (blocks[serial] ?? []).sorted {
                    ($0.head.sequence, $0.head.order) < ($1.head.sequence, $1.head.order)
                })
        }
    }
}

extension Trace {
    /// About when the thread's first event was; 0 for a thread without events.
    ///
    /// Cheap: reads the first words only, and does not verify them.
    public func firstNanos(_ thread: TraceThread) -> UInt64 {
        guard let block = thread.blocks.first,
            let bytes = try? source.bytes(
                at: block.payloadOffset + UInt64(EventsHead.byteCount),
                count: min(block.wordCount, 64) * EventWord.byteCount)
        else { return 0 }
        var reader = ByteReader(bytes)
        var epoch: UInt64 = 0
        while let raw = try? reader.fixed(UInt64.self) {
            let word = EventWord(raw: raw)
            guard let kind = word.kind else { continue }
            if kind != .clock { return clock.nanos(epoch | UInt64(word.tickLow)) }
            epoch = UInt64(word.payload) << 32
        }
        return clock.nanos(epoch)
    }
}
