import Reading

/// Exports a whole trace to one format.
public struct TraceExport: Sendable {
    public var format: ExportFormat
    public var foldedWeight = FoldedWeight.time

    public init(format: ExportFormat) { self.format = format }

    /// Writes `trace` to `output`, thread after thread.
    ///
    /// `progress` is told after each thread how many of how many are done.
    /// Throws: `.cannotWrite`; the output then is incomplete.
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
        _ exporter: consuming Format, _ trace: Trace, _ output: OutputBuffer,
        _ progress: (Int, Int) -> Void
    ) throws(ExportError) {
        let threads = trace.threads
        for (index, thread) in threads.enumerated() where !output.hasFailed {
            exporter.began(thread)
            trace.walk(thread, &exporter)
            exporter.ended(thread)
            progress(index + 1, threads.count)
        }
        exporter.finish()
        try output.finish()
    }
}
