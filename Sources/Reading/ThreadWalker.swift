import TraceFormat

/// A call that has begun and not ended.
@usableFromInline
struct OpenCall {
    @usableFromInline var function: UInt32
    @usableFromInline var enteredAtNanos: UInt64

    @inlinable init(function: UInt32, enteredAtNanos: UInt64) {
        self.function = function
        self.enteredAtNanos = enteredAtNanos
    }
}

/// Goes through the events of one thread and pairs them to calls, some at a time.
///
/// An exit closes the innermost open call of its function. The agent records an event for every
/// call that ends, so calls inside it that are still open live on another stack: they are
/// suspended until their own end comes. So entries = exits + unwound + open, per function, always.
public struct ThreadWalker: ~Copyable {
    @usableFromInline let trace: Trace
    @usableFromInline let thread: TraceThread
    @usableFromInline let decoder: BlockDecoder
    @usableFromInline var calls: UnsafeMutableBufferPointer<OpenCall>
    @usableFromInline var depth = 0
    @usableFromInline var suspended = SuspendedCalls()
    /// Calls by function that the agent recorded as unwound.
    @usableFromInline var unwoundCounts: [UInt32: Int] = [:]
    @usableFromInline let openCounts = OpenCounts()
    /// The next event of the decoded block.
    @usableFromInline var position = 0
    private var nextBlock = 0
    @usableFromInline var hasEnded = false
    /// What a block's beginning says, for `step` to pass on.
    @usableFromInline var gap: Gap?

    @usableFromInline
    struct Gap {
        @usableFromInline var lostCount: UInt64
        /// The agent's count of open calls after the gap; nil when it does not tell.
        @usableFromInline var openCalls: Int?
        @usableFromInline var nanos: UInt64
    }

    public init(_ trace: Trace, _ thread: TraceThread) {
        self.trace = trace
        self.thread = thread
        decoder = BlockDecoder(trace.clock)
        calls = .allocate(capacity: 64)
    }

    deinit { calls.deallocate() }

    /// Shows the visitor the next events, at most `eventLimit` words of them.
    ///
    /// Returns false when the thread has ended and its open calls were reported.
    @inlinable
    public mutating func step<V: CallVisitor>(_ visitor: inout V, eventLimit: Int) -> Bool {
        if hasEnded { return false }
        if position >= decoder.count {
            guard loadBlock() else {
                unwind(to: 0, atNanos: lastNanos, how: endOfOpenCalls, &visitor)
                endSuspended(&visitor)
                hasEnded = true
                return false
            }
            if let gap { report(gap, &visitor) }
        }
        let end = decoder.count - position > eventLimit ? position + eventLimit : decoder.count
        run(until: end, &visitor)
        return true
    }

    @inlinable
    mutating func run<V: CallVisitor>(until end: Int, _ visitor: inout V) {
        let uppers = decoder.uppers
        let times = decoder.times
        var index = position
        while index < end {
            let upper = uppers[index]
            let nanos = times[index]
            let function = upper & EventWord.payloadMask
            let kind = upper &>> EventWord.payloadBits
            index &+= 1
            if kind == EventKind.entry.rawValue {
                enter(function, nanos, &visitor)
            } else if kind == EventKind.exit.rawValue {
                if depth > 0 && calls[depth &- 1].function == function {
                    leave(nanos, .returned, &visitor)
                } else {
                    leaveInner(function, nanos, .returned, &visitor)
                }
            } else if kind == EventKind.unwound.rawValue {
                leaveInner(function, nanos, .unwound, &visitor)
            } else {
                visitor.passed(function, atNanos: nanos, depth: depth)
            }
        }
        position = index
    }

    @inlinable @inline(__always)
    mutating func enter<V: CallVisitor>(_ function: UInt32, _ nanos: UInt64, _ visitor: inout V) {
        if depth == calls.count { grow() }
        calls[depth] = OpenCall(function: function, enteredAtNanos: nanos)
        openCounts.add(function)
        visitor.entered(function, atNanos: nanos, depth: depth)
        depth &+= 1
    }

    @inlinable @inline(__always)
    mutating func leave<V: CallVisitor>(_ nanos: UInt64, _ how: CallEnd, _ visitor: inout V) {
        depth &-= 1
        let call = calls[depth]
        openCounts.remove(call.function)
        visitor.left(
            call.function, enteredAtNanos: call.enteredAtNanos, atNanos: nanos, depth: depth, how: how)
    }

    /// Ends the innermost open call of the function, which need not be the innermost of all.
    @inlinable @inline(never)
    mutating func leaveInner<V: CallVisitor>(
        _ function: UInt32, _ nanos: UInt64, _ how: CallEnd, _ visitor: inout V
    ) {
        guard openCounts.mayHave(function), let found = innermost(function) else {
            return leaveOther(function, nanos, how, &visitor)
        }
        while depth > found &+ 1 {
            suspended.add(calls[depth &- 1])
            leave(nanos, .suspended, &visitor)
        }
        if how == .unwound { unwoundCounts[function, default: 0] += 1 }
        leave(nanos, how, &visitor)
    }

    /// Ends a suspended call; failing that, the call's entry is not in the trace.
    @usableFromInline
    mutating func leaveOther<V: CallVisitor>(
        _ function: UInt32, _ nanos: UInt64, _ how: CallEnd, _ visitor: inout V
    ) {
        if let call = suspended.takeLatest(of: function) {
            if how == .unwound { unwoundCounts[function, default: 0] += 1 }
            visitor.leftSuspended(call.function, enteredAtNanos: call.enteredAtNanos, atNanos: nanos, how: how)
        } else if how == .returned {
            if let count = unwoundCounts[function], count > 0 {
                unwoundCounts[function] = count - 1
                visitor.returnedAfterAll(function, atNanos: nanos)
            } else {
                visitor.leftUnentered(function, atNanos: nanos)
            }
        }
    }

    @usableFromInline
    mutating func endSuspended<V: CallVisitor>(_ visitor: inout V) {
        for call in suspended.takeAll() {
            visitor.leftSuspended(
                call.function, enteredAtNanos: call.enteredAtNanos, atNanos: lastNanos, how: .openAtEnd)
        }
    }

    @inlinable
    mutating func unwind<V: CallVisitor>(to newDepth: Int, atNanos: UInt64, how: CallEnd, _ visitor: inout V) {
        while depth > newDepth { leave(atNanos, how, &visitor) }
    }

    @inlinable
    mutating func report<V: CallVisitor>(_ gap: Gap, _ visitor: inout V) {
        self.gap = nil
        visitor.lost(gap.lostCount, atNanos: gap.nanos)
        guard let openCalls = gap.openCalls else { return }
        unwind(to: openCalls, atNanos: gap.nanos, how: .unwound, &visitor)
    }

    @usableFromInline
    func innermost(_ function: UInt32) -> Int? {
        var index = depth - 1
        while index >= 0 {
            if calls[index].function == function { return index }
            index -= 1
        }
        return nil
    }

    @usableFromInline
    mutating func grow() {
        let larger = UnsafeMutableBufferPointer<OpenCall>.allocate(capacity: calls.count * 2)
        _ = larger.update(fromContentsOf: calls)
        calls.deallocate()
        calls = larger
    }

    /// A thread that ended by itself took its open calls along; one that was just not seen any
    /// more may still be in them.
    @usableFromInline var endOfOpenCalls: CallEnd {
        thread.blocks.last?.head.isThreadEnding == true ? .unwound : .openAtEnd
    }

    @usableFromInline var lastNanos: UInt64 { decoder.latestNanos }

    /// Decodes the next block that holds anything; false after the last one.
    @usableFromInline
    mutating func loadBlock() -> Bool {
        guard nextBlock < thread.blocks.count else { return false }
        let block = thread.blocks[nextBlock]
        let previous = nextBlock > 0 ? thread.blocks[nextBlock - 1].head.sequence : nil
        nextBlock += 1
        position = 0
        var lostCount = block.head.lostBefore
        let expected = previous.map { $0 &+ 1 } ?? 0
        var hasGap = lostCount > 0 || block.head.sequence != expected
        if !isLoaded(block) {
            hasGap = true
            lostCount &+= UInt64(block.wordCount)
        }
        guard hasGap else { return true }
        gap = Gap(lostCount: lostCount, openCalls: openCallsAfterGap(block), nanos: firstNanos)
        return true
    }

    private var firstNanos: UInt64 { decoder.count > 0 ? decoder.times[0] : decoder.latestNanos }

    private mutating func isLoaded(_ block: BlockReference) -> Bool {
        do throws(TraceError) {
            if try decoder.load(block, from: trace.source) {
                if !decoder.beginsWithClock {
                    trace.add(
                        damage:
                            "the block at byte \(block.payloadOffset) does not begin with a clock word: the times of thread \(thread.thread) are wrong there, and an event may be another thread's"
                    )
                }
                return true
            }
            trace.add(
                damage:
                    "the block at byte \(block.payloadOffset) fails its checksum: up to \(block.wordCount) events of thread \(thread.thread) are left out"
            )
        } catch {
            trace.add(damage: "\(error)")
        }
        return false
    }

    /// The agent counts before it records: when the block begins with an exit, the call that it
    /// ends is no longer in the count.
    private func openCallsAfterGap(_ block: BlockReference) -> Int? {
        guard decoder.count > 0, let openCalls = Int(exactly: block.head.openCalls) else { return nil }
        let first = EventWord(raw: UInt64(decoder.uppers[0]) << 32)
        guard first.kind == .exit || first.kind == .unwound, openCalls < depth else { return openCalls }
        return calls[openCalls].function == first.payload ? openCalls + 1 : openCalls
    }
}
