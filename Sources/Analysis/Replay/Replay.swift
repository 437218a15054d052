import Reading

public struct ReplayOptions: Sendable {
    public var selection: CallSelection
    /// Calls that took less are not shown.
    public var minimumNanos: UInt64
    /// Only the threads with this id; nil for all.
    public var thread: UInt32?
    /// One line for each event, with its time.
    public var isFlat: Bool

    public init(selection: CallSelection, minimumNanos: UInt64 = 0, thread: UInt32? = nil, isFlat: Bool = false) {
        self.selection = selection
        self.minimumNanos = minimumNanos
        self.thread = thread
        self.isFlat = isFlat
    }
}

/// Writes the calls of all threads, in the order of time, as text.
///
/// Memory: one block for each thread that is running at the moment shown.
public enum Replay {
    public static func write(_ trace: Trace, _ options: ReplayOptions, to output: consuming TextBuffer) {
        if options.selection.isAll && options.minimumNanos == 0 {
            var run = ReplayRun(trace, options, output) { $0 }
            run.run()
        } else {
            var run = ReplayRun(trace, options, output) { collector in
                SelectingVisitor(
                    options.selection, ThresholdVisitor(minimumNanos: options.minimumNanos, collector))
            }
            run.run()
        }
    }
}

/// Merges the threads' events by time: a heap, the thread whose event comes next first.
private struct ReplayRun<Visitor: CallVisitor>: ~Copyable {
    private struct Place {
        /// When the thread's next event was; before its first was drawn, about when that is.
        var nanos: UInt64
        var queue: UnsafeMutablePointer<ReplayQueue>
    }

    private var heap: [Place]
    private var threads: [ReplayThread<Visitor>?]
    private var printer: ReplayPrinter

    init(
        _ trace: Trace, _ options: ReplayOptions, _ output: consuming TextBuffer,
        around visitor: (ReplayCollector) -> Visitor
    ) {
        let chosen = trace.threads.filter {
            (options.thread == nil || $0.thread == options.thread) && $0.wordCount > 0
        }
        let threads = chosen.enumerated().map { ReplayThread(trace, $1, index: $0, around: visitor) }
        heap = threads.map { Place(nanos: $0.firstNanos, queue: $0.queue) }.sorted { $0.nanos < $1.nanos }
        self.threads = threads
        printer = ReplayPrinter(trace, output, startNanos: heap.first?.nanos ?? 0, isFlat: options.isFlat)
    }

    mutating func run() {
        printer.header()
        while !heap.isEmpty && printer.isOpen {
            let queue = heap[0].queue
            if queue.pointee.next &+ 1 >= queue.pointee.count && !queue.pointee.hasEnded {
                threads[queue.pointee.index]?.draw()
            }
            guard queue.pointee.next < queue.pointee.count else {
                drop()
                continue
            }
            let limit = secondNanos
            if queue.pointee.events[queue.pointee.next].nanos <= limit { printer.show(&queue.pointee, until: limit) }
            guard queue.pointee.next < queue.pointee.count else { continue }
            heap[0].nanos = queue.pointee.events[queue.pointee.next].nanos
            sink(0)
        }
        printer.flush()
    }

    private var secondNanos: UInt64 {
        if heap.count > 2 { return min(heap[1].nanos, heap[2].nanos) }
        return heap.count > 1 ? heap[1].nanos : .max
    }

    private mutating func drop() {
        threads[heap[0].queue.pointee.index] = nil
        let last = heap.removeLast()
        guard !heap.isEmpty else { return }
        heap[0] = last
        sink(0)
    }

    /// Restores the heap's order below a place.
    private mutating func sink(_ start: Int) {
        var place = start
        while true {
            var least = place
            let child = 2 &* place &+ 1
            if child < heap.count && heap[child].nanos < heap[least].nanos { least = child }
            if child &+ 1 < heap.count && heap[child &+ 1].nanos < heap[least].nanos { least = child &+ 1 }
            if least == place { return }
            heap.swapAt(place, least)
            place = least
        }
    }
}
