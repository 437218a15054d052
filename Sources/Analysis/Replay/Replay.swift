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
public struct Replay {
    private var heap: [ReplayThread]
    private var printer: ReplayPrinter

    public init(_ trace: Trace, _ options: ReplayOptions, _ output: TextBuffer) {
        heap = trace.threads
            .filter { options.thread == nil || $0.thread == options.thread }
            .filter { $0.wordCount > 0 }
            .map { ReplayThread(trace, $0, options) }
        heap.sort { $0.headNanos < $1.headNanos }
        let start = heap.first?.headNanos ?? 0
        printer = ReplayPrinter(trace, output, startNanos: start, isFlat: options.isFlat)
    }

    public mutating func run() {
        printer.header()
        while let thread = heap.first, printer.output.isOpen {
            guard thread.fill() else {
                drop()
                continue
            }
            let limit = secondNanos
            if thread.headNanos > limit {
                sink(0)
                continue
            }
            show(thread, until: limit)
        }
        printer.output.flush()
    }

    /// Shows the thread's events up to the moment when another thread's turn comes.
    private mutating func show(_ thread: ReplayThread, until limit: UInt64) {
        repeat {
            let event = thread.head
            if event.kind == .entered && !printer.isFlat && thread.isLeaf() {
                thread.advance()
                printer.leaf(thread.head, thread.thread)
            } else {
                printer.event(event, thread.thread)
            }
            thread.advance()
        } while printer.output.isOpen && thread.fill() && thread.headNanos <= limit
    }

    private var secondNanos: UInt64 {
        var nanos = UInt64.max
        for child in 1..<3 where child < heap.count { nanos = min(nanos, heap[child].headNanos) }
        return nanos
    }

    private mutating func drop() {
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
            for child in [2 * place + 1, 2 * place + 2] where child < heap.count && heap[child].headNanos < heap[least].headNanos {
                least = child
            }
            if least == place { return }
            heap.swapAt(place, least)
            place = least
        }
    }
}
