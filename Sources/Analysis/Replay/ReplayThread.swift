import Reading

/// The events of one thread, drawn as they are needed.
final class ReplayThread {
    let thread: TraceThread
    private let list = ReplayCollector.List()
    private var next = 0
    private let trace: Trace
    private let firstNanos: UInt64
    private var hasBegun = false
    private var hasEnded = false
    private var visitor: SelectingVisitor<ThresholdVisitor<ReplayCollector>>
    private var walker: WalkerBox?

    /// Holds a walker, which cannot be copied, where it can be dropped.
    private final class WalkerBox {
        var walker: ThreadWalker
        init(_ trace: Trace, _ thread: TraceThread) { walker = ThreadWalker(trace, thread) }
    }

    init(_ trace: Trace, _ thread: TraceThread, _ options: ReplayOptions) {
        self.trace = trace
        self.thread = thread
        firstNanos = trace.firstNanos(thread)
        visitor = SelectingVisitor(
            options.selection,
            ThresholdVisitor(minimumNanos: options.minimumNanos, ReplayCollector(list: list)))
    }

    /// When the next event was; before the first was drawn, about when that is.
    var headNanos: UInt64 { hasBegun ? list.events[next].nanos : firstNanos }

    /// False when no event is left. Must be called before `head`.
    func fill() -> Bool {
        hasBegun = true
        if next < list.events.count { return true }
        return drawn() > 0
    }

    var head: ReplayEvent { list.events[next] }

    func advance() { next &+= 1 }

    /// True when the head is the entry of a call that makes no (shown) call: its end comes next.
    func isLeaf() -> Bool {
        if next &+ 1 >= list.events.count { _ = drawn() }
        guard next &+ 1 < list.events.count else { return false }
        return list.events[next &+ 1].kind != .entered && list.events[next &+ 1].depth == head.depth
            && (list.events[next &+ 1].kind == .returned || list.events[next &+ 1].kind == .unwound)
    }

    /// Draws until there is a new event; keeps the one that is being shown.
    private func drawn() -> Int {
        list.events.removeFirst(next)
        next = 0
        let before = list.events.count
        while list.events.count == before && !hasEnded { draw() }
        return list.events.count - before
    }

    private func draw() {
        let box = walker ?? WalkerBox(trace, thread)
        walker = box
        if !box.walker.step(&visitor, eventLimit: 4096) {
            hasEnded = true
            walker = nil
        }
    }
}
