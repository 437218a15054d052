import Reading

/// Sums up calls by function.
///
/// Unsafe: the other file of the hot loop. Memory is owned and grows with the functions that were
/// called and the depth of calls, never with the length of the trace.
final class CallAccumulator: CallVisitor {
    struct Slot {
        var statistics = FunctionStatistics()
        var histogram = Histogram()
        /// Calls of the function that are open now: only the outermost counts into the total.
        var active = 0
    }

    private struct State {
        /// Function id -> 1 + slot, for small ids; 0 where there is none yet.
        var table: UnsafeMutableBufferPointer<UInt32>
        var slots: UnsafeMutableBufferPointer<Slot>
        var slotCount = 0
        /// By depth: nanoseconds that the open call's children took.
        var children: UnsafeMutableBufferPointer<UInt64>
        var lostCount: UInt64 = 0
        var largeIDs: [UInt32: UInt32] = [:]
        var ids: [UInt32] = []
    }

    private static let smallIDCount = 1 << 20
    private let state: UnsafeMutablePointer<State>
    private let hasHistograms: Bool

    init(histograms: Bool) {
        hasHistograms = histograms
        state = .allocate(capacity: 1)
        state.initialize(
            to: State(
                table: CallAccumulator.zeros(1024), slots: .allocate(capacity: 64),
                children: CallAccumulator.zeros(64)))
    }

    deinit {
        for index in 0..<state.pointee.slotCount { state.pointee.slots[index].histogram.deallocate() }
        state.pointee.table.deallocate()
        state.pointee.slots.deallocate()
        state.pointee.children.deallocate()
        state.deinitialize(count: 1)
        state.deallocate()
    }

    var lostCount: UInt64 { state.pointee.lostCount }
    /// In the order in which the functions first appeared.
    var functions: [UInt32] { state.pointee.ids }

    func statistics(_ function: UInt32) -> FunctionStatistics { slot(function).pointee.statistics }

    func quantile(_ function: UInt32, _ numerator: UInt64, of denominator: UInt64) -> UInt64 {
        slot(function).pointee.histogram.quantile(numerator, of: denominator)
    }

    func add(_ other: CallAccumulator) {
        for function in other.functions {
            let mine = slot(function)
            let theirs = other.slot(function)
            mine.pointee.statistics.add(theirs.pointee.statistics)
            mine.pointee.histogram.add(theirs.pointee.histogram)
        }
        state.pointee.lostCount &+= other.lostCount
    }

    func entered(_ function: UInt32, atNanos: UInt64, depth: Int) {
        let slot = slot(function)
        slot.pointee.statistics.entries &+= 1
        slot.pointee.active &+= 1
        if depth >= state.pointee.children.count { growChildren(depth) }
        state.pointee.children[depth] = 0
    }

    func left(_ function: UInt32, enteredAtNanos: UInt64, atNanos: UInt64, depth: Int, how: CallEnd) {
        let slot = slot(function)
        let duration = atNanos &- enteredAtNanos
        slot.pointee.active &-= 1
        slot.pointee.statistics.note(
            duration, own: duration &- state.pointee.children[depth],
            isOutermost: slot.pointee.active == 0, how)
        if hasHistograms { slot.pointee.histogram.add(duration) }
        if depth > 0 { state.pointee.children[depth &- 1] &+= duration }
    }

    /// The call's time until it was suspended is counted already.
    func leftSuspended(_ function: UInt32, enteredAtNanos: UInt64, atNanos: UInt64, how: CallEnd) {
        let slot = slot(function)
        switch how {
        case .returned: slot.pointee.statistics.exits &+= 1
        case .unwound: slot.pointee.statistics.unwound &+= 1
        case .openAtEnd: slot.pointee.statistics.open &+= 1
        case .suspended: break
        }
    }

    func returnedAfterAll(_ function: UInt32, atNanos: UInt64) {
        let slot = slot(function)
        slot.pointee.statistics.unwound &-= 1
        slot.pointee.statistics.exits &+= 1
    }

    func passed(_ function: UInt32, atNanos: UInt64, depth: Int) {
        slot(function).pointee.statistics.entriesOnly &+= 1
    }

    func lost(_ eventCount: UInt64, atNanos: UInt64) { state.pointee.lostCount &+= eventCount }

    func leftUnentered(_ function: UInt32, atNanos: UInt64) {
        slot(function).pointee.statistics.exitsWithoutEntry &+= 1
    }

    @inline(__always)
    private func slot(_ function: UInt32) -> UnsafeMutablePointer<Slot> {
        let id = Int(truncatingIfNeeded: function)
        if id < state.pointee.table.count {
            let index = state.pointee.table[id]
            if index != 0, let base = state.pointee.slots.baseAddress {
                return base + Int(truncatingIfNeeded: index &- 1)
            }
        }
        return newSlot(function)
    }

    @inline(never)
    private func newSlot(_ function: UInt32) -> UnsafeMutablePointer<Slot> {
        if let index = state.pointee.largeIDs[function] { return state.pointee.slots.baseAddress! + Int(index) }
        if state.pointee.slotCount == state.pointee.slots.count { growSlots() }
        let index = state.pointee.slotCount
        state.pointee.slotCount += 1
        let place = state.pointee.slots.baseAddress! + index
        place.initialize(to: Slot())
        state.pointee.ids.append(function)
        if Int(function) < CallAccumulator.smallIDCount {
            if Int(function) >= state.pointee.table.count { growTable(Int(function)) }
            state.pointee.table[Int(function)] = UInt32(index + 1)
        } else {
            state.pointee.largeIDs[function] = UInt32(index)
        }
        return place
    }

    private static func zeros<T: FixedWidthInteger>(_ count: Int) -> UnsafeMutableBufferPointer<T> {
        let buffer = UnsafeMutableBufferPointer<T>.allocate(capacity: count)
        buffer.initialize(repeating: 0)
        return buffer
    }

    private func growTable(_ id: Int) {
        let larger: UnsafeMutableBufferPointer<UInt32> = CallAccumulator.zeros(
            max(id + 1, state.pointee.table.count * 2))
        _ = larger.update(fromContentsOf: state.pointee.table)
        state.pointee.table.deallocate()
        state.pointee.table = larger
    }

    private func growSlots() {
        let larger = UnsafeMutableBufferPointer<Slot>.allocate(capacity: state.pointee.slots.count * 2)
        _ = larger.moveInitialize(fromContentsOf: state.pointee.slots)
        state.pointee.slots.deallocate()
        state.pointee.slots = larger
    }

    @inline(never)
    private func growChildren(_ depth: Int) {
        let larger: UnsafeMutableBufferPointer<UInt64> = CallAccumulator.zeros(
            max(depth + 1, state.pointee.children.count * 2))
        _ = larger.update(fromContentsOf: state.pointee.children)
        state.pointee.children.deallocate()
        state.pointee.children = larger
    }
}

extension FunctionStatistics {
    @inline(__always)
    fileprivate mutating func note(_ duration: UInt64, own: UInt64, isOutermost: Bool, _ how: CallEnd) {
        switch how {
        case .returned: exits &+= 1
        case .unwound: unwound &+= 1
        // Counted when it ends.
        case .suspended: break
        case .openAtEnd: open &+= 1
        }
        sumNanos &+= duration
        selfNanos &+= own
        if isOutermost { totalNanos &+= duration }
        minNanos = min(minNanos, duration)
        maxNanos = max(maxNanos, duration)
    }
}
