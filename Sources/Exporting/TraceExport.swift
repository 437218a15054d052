import Reading

/// Exports a whole trace to one format.
public struct TraceExport: Sendable {
    /// Events between two reports of progress, and between two looks at the output's health.
    private static let stepEventCount = 1 << 20

    public var format: ExportFormat
    public var foldedWeight = FoldedWeight.time

    public init(format: ExportFormat) { self.format = format }

    /// Writes `trace` to `output`, thread after thread.
    ///
    /// `progress` is told now and then how many event words of how many were read.
    /// Throws: `.cannotWrite`; the output then is incomplete, and the rest was not read.
    public func write(
        _ trace: Trace, to output: OutputBuffer, progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) throws(ExportError) {
        switch format {
        case .perfetto:
            try run(PerfettoExporter(trace: trace, output: output), trace, output, progress)
        case .chrome:
            try run(ChromeExporter(trace: trace, output: output), trace, output, progress)
        case .folded:
            var exporter = FoldedExporter(trace: trace, output: output)
            exporter.weight = foldedWeight
            try run(exporter, trace, output, progress)
        case .callgrind:
            try run(CallgrindExporter(trace: trace, output: output), trace, output, progress)
        case .speedscope:
            try run(SpeedscopeExporter(trace: trace, output: output), trace, output, progress)
        }
    }

    private func run<Format: Exporter>(
        _ format: consuming Format, _ trace: Trace, _ output: OutputBuffer, _ progress: (Int, Int) -> Void
    ) throws(ExportError) {
        var exporter = format
        let total = trace.threads.reduce(0) { $0 + $1.wordCount }
        var done = 0
        for thread in trace.threads where !output.hasFailed {
            exporter.began(thread)
            var walker = ThreadWalker(trace, thread)
            var doneOfThread = 0
            while !output.hasFailed, walker.step(&exporter, eventLimit: Self.stepEventCount) {
                // A step ends at a block's end, too: this counts a little too much at most.
                doneOfThread = min(doneOfThread + Self.stepEventCount, thread.wordCount)
                progress(done + doneOfThread, total)
            }
            exporter.ended(thread)
            done += thread.wordCount
        }
        exporter.finish()
        try output.finish()
    }
}
