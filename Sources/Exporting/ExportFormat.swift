/// The formats that a trace is exported to.
public enum ExportFormat: String, CaseIterable, Sendable {
    /// Perfetto's protobuf trace, for ui.perfetto.dev and trace_processor.
    case perfetto
    /// JSON of the Trace Event Format, for chrome://tracing and the Perfetto UI.
    case chrome
    /// One line a stack and its self time, for flamegraph.pl and the like.
    case folded
    /// A callgrind profile, for KCachegrind and callgrind_annotate.
    case callgrind
    /// An evented profile for speedscope.app.
    case speedscope

    /// True where the output is not text.
    public var isBinary: Bool { self == .perfetto }
}

/// What a line of the folded format counts.
public enum FoldedWeight: String, CaseIterable, Sendable {
    /// Nanoseconds in the function itself.
    case time
    /// Calls that began.
    case calls
}
