import Reading

/// One format: it is told of threads one after the other, and of each thread's calls in order.
///
/// What it writes goes through its `OutputBuffer` as it comes; nothing grows with the number of
/// calls.
protocol Exporter: CallVisitor {
    /// Writes what stands before the first thread.
    init(trace: Trace, output: OutputBuffer)
    mutating func began(_ thread: TraceThread)
    mutating func ended(_ thread: TraceThread)
    /// Writes what stands after the last thread.
    mutating func finish()
}
