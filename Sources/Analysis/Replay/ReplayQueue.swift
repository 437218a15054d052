import Reading

/// The events of one thread that were drawn and not yet shown.
///
/// Unsafe: the memory is owned by whoever made the queue and freed by `deallocate`. It lies behind
/// a pointer so that visitors of any nesting can append to it.
struct ReplayQueue {
    private(set) var events: UnsafeMutablePointer<ReplayEvent>
    private(set) var count = 0
    private var capacity: Int
    /// The next to be shown.
    var next = 0
    /// True when no more will be appended.
    var hasEnded = false
    /// Where its thread stands in the list of threads.
    let index: Int
    /// ` [  1234] | `, which begins a line after the duration.
    let prefix: SIMD16<UInt8>
    let prefixByteCount: Int

    init(index: Int, tid: UInt32) {
        self.index = index
        capacity = 0
        events = .allocate(capacity: 0)
        let number = String(tid)
        let text = Array((" [" + String(repeating: " ", count: max(0, 6 - number.utf8.count)) + number + "] | ").utf8)
        var prefix = SIMD16<UInt8>()
        for (place, byte) in text.enumerated() { prefix[place] = byte }
        self.prefix = prefix
        prefixByteCount = text.count
    }

    func deallocate() { events.deallocate() }

    @inline(__always)
    mutating func append(_ event: ReplayEvent) {
        if count == capacity { grow() }
        (events + count).initialize(to: event)
        count &+= 1
    }

    /// Moves what is not shown yet to the front.
    mutating func dropShown() {
        let left = count - next
        if next > 0 { events.update(from: events + next, count: left) }
        count = left
        next = 0
    }

    @inline(never)
    private mutating func grow() {
        capacity = max(4200, capacity * 2)
        let larger = UnsafeMutablePointer<ReplayEvent>.allocate(capacity: capacity)
        larger.update(from: events, count: count)
        events.deallocate()
        events = larger
    }
}

/// Draws the events of one thread as they are needed.
final class ReplayThread<Visitor: CallVisitor> {
    private static var stepEventCount: Int { 4096 }

    let queue: UnsafeMutablePointer<ReplayQueue>
    let firstNanos: UInt64
    private let trace: Trace
    private let thread: TraceThread
    private var visitor: Visitor
    private var walker: WalkerBox?

    /// Holds a walker, which cannot be copied, where it can be dropped.
    private final class WalkerBox {
        var walker: ThreadWalker
        init(_ trace: Trace, _ thread: TraceThread) { walker = ThreadWalker(trace, thread) }
    }

    init(_ trace: Trace, _ thread: TraceThread, index: Int, around visitor: (ReplayCollector) -> Visitor) {
        self.trace = trace
        self.thread = thread
        firstNanos = trace.firstNanos(thread)
        queue = .allocate(capacity: 1)
        queue.initialize(to: ReplayQueue(index: index, tid: thread.thread))
        self.visitor = visitor(ReplayCollector(queue))
    }

    deinit {
        queue.pointee.deallocate()
        queue.deinitialize(count: 1)
        queue.deallocate()
    }

    /// Draws until two events are there (one, and what comes next) or the thread has ended.
    func draw() {
        queue.pointee.dropShown()
        let box = walker ?? WalkerBox(trace, thread)
        walker = box
        while queue.pointee.count < 2 {
            guard box.walker.step(&visitor, eventLimit: Self.stepEventCount) else {
                queue.pointee.hasEnded = true
                walker = nil
                return
            }
        }
    }
}
