import Reading

/// The exact account of a trace: every event that was seen, and how each call ended.
public struct Account: Sendable {
    public struct Thread: Sendable {
        public var thread: TraceThread
        public var totals: FunctionStatistics
        public var lostCount: UInt64
        public var functions: [ReportRow]
    }

    public var threads: [Thread]
    public var totals = FunctionStatistics()
    /// The ledger's exact count; without a ledger, what the blocks tell. Events of damaged blocks
    /// are in `faults`, not here.
    public var lostCount: UInt64

    /// Walks every thread once.
    public init(_ trace: Trace) {
        let selection = CallSelection(trace)
        threads = Report.byThread(trace, selection, order: .calls, histograms: false).map { part in
            var totals = FunctionStatistics()
            for row in part.rows { totals.add(row.statistics) }
            return Thread(thread: part.thread, totals: totals, lostCount: part.lostCount, functions: part.rows)
        }
        for thread in threads { totals.add(thread.totals) }
        lostCount = trace.ledger?.lostEvents ?? threads.reduce(0) { $0 &+ $1.lostCount }
    }

    /// Events that were recorded: each call's entry and its end, as words.
    public var eventCount: UInt64 {
        totals.entries &+ totals.exits &+ totals.unwound &+ totals.entriesOnly &+ totals.exitsWithoutEntry
    }
}
