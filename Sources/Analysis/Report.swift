import Reading

/// One line of a report.
public struct ReportRow: Sendable {
    public var function: TracedFunction
    public var statistics: FunctionStatistics
    public var p50Nanos: UInt64
    public var p99Nanos: UInt64

    public var minNanos: UInt64 { statistics.minNanos == .max ? 0 : statistics.minNanos }

    /// Over all calls that have an end.
    public var averageNanos: UInt64 {
        statistics.entries == 0 ? 0 : statistics.sumNanos / statistics.entries
    }
}

public enum ReportOrder: String, CaseIterable, Sendable {
    case total
    case `self`
    case calls
    case avg
    case max
    case min
    case p50
    case p99

    func key(_ row: ReportRow) -> UInt64 {
        switch self {
        case .total: row.statistics.totalNanos
        case .`self`: row.statistics.selfNanos
        case .calls: row.statistics.calls
        case .avg: row.averageNanos
        case .max: row.statistics.maxNanos
        case .min: row.minNanos
        case .p50: row.p50Nanos
        case .p99: row.p99Nanos
        }
    }
}

/// Calls and times by function.
public struct Report: Sendable {
    /// The functions of one thread.
    public struct ThreadRows: Sendable {
        public var thread: TraceThread
        public var rows: [ReportRow]
        public var lostCount: UInt64
    }

    public var rows: [ReportRow]
    public var lostCount: UInt64

    /// Walks every thread once, in parallel.
    public init(_ trace: Trace, _ selection: CallSelection, order: ReportOrder = .total) {
        let parts = inParallel(trace, make: { Box(CallAccumulator(histograms: true)) }) { box, thread in
            Report.walk(trace, thread, selection, box.accumulator)
        }
        let whole = parts.first?.accumulator ?? CallAccumulator(histograms: true)
        for part in parts.dropFirst() { whole.add(part.accumulator) }
        rows = Report.rows(trace, whole, order)
        lostCount = whole.lostCount
    }

    /// The same for each thread, sorted by serial.
    public static func byThread(
        _ trace: Trace, _ selection: CallSelection, order: ReportOrder = .total, histograms: Bool = true
    ) -> [ThreadRows] {
        let parts = inParallel(trace, make: { [ThreadRows]() }) { result, thread in
            let accumulator = CallAccumulator(histograms: histograms)
            walk(trace, thread, selection, accumulator)
            result.append(
                ThreadRows(
                    thread: thread, rows: rows(trace, accumulator, order), lostCount: accumulator.lostCount))
        }
        return parts.flatMap { $0 }.sorted { $0.thread.serial < $1.thread.serial }
    }

    /// An accumulator belongs to one worker, then to whoever adds them up.
    private struct Box: @unchecked Sendable {
        let accumulator: CallAccumulator
        init(_ accumulator: CallAccumulator) { self.accumulator = accumulator }
    }

    private static func walk(
        _ trace: Trace, _ thread: TraceThread, _ selection: CallSelection, _ accumulator: CallAccumulator
    ) {
        var accumulator = accumulator
        if selection.isAll {
            trace.walk(thread, &accumulator)
        } else {
            var selecting = SelectingVisitor(selection, accumulator)
            trace.walk(thread, &selecting)
        }
    }

    private static func rows(_ trace: Trace, _ accumulator: CallAccumulator, _ order: ReportOrder) -> [ReportRow] {
        accumulator.functions.map { id in
            let statistics = accumulator.statistics(id)
            // A bucket's middle may lie outside of what occurred.
            let quantile = { (percent: UInt64) in
                min(statistics.maxNanos, max(accumulator.quantile(id, percent, of: 100), statistics.minNanos))
            }
            return ReportRow(
                function: trace.function(id), statistics: statistics, p50Nanos: quantile(50), p99Nanos: quantile(99))
        }.sorted { first, second in
            let keys = (order.key(first), order.key(second))
            if keys.0 != keys.1 { return keys.0 > keys.1 }
            return (first.function.displayName, first.function.id) < (second.function.displayName, second.function.id)
        }
    }
}
