import TraceFormat

/// The events of one block of one thread, with their times made whole.
///
/// Unsafe: one of the two files of the hot loop. The buffers are owned and grow to the largest
/// block; every index below is less than a count that was checked when the block was loaded.
@usableFromInline
final class BlockDecoder {
    /// Kind and function of each event; times stand at the same index.
    @usableFromInline private(set) var uppers: UnsafeMutablePointer<UInt32>
    /// Ticks while decoding, then CLOCK_MONOTONIC nanoseconds.
    @usableFromInline private(set) var times: UnsafeMutablePointer<UInt64>
    @usableFromInline private(set) var count = 0
    /// Whether the block that was loaded last has what every block has first.
    private(set) var beginsWithClock = true
    @usableFromInline var bytes: UnsafeMutableRawBufferPointer
    private var capacity = 0
    private var lastNanos: UInt64 = 0
    private let clock: ClockMap
    private var segment: ClockMap.Segment

    init(_ clock: ClockMap) {
        self.clock = clock
        segment = clock.segments[0]
        uppers = .allocate(capacity: 0)
        times = .allocate(capacity: 0)
        bytes = .allocate(byteCount: 0, alignment: 64)
    }

    @inlinable deinit {
        uppers.deallocate()
        times.deallocate()
        bytes.deallocate()
    }

    /// Reads, verifies and decodes a block.
    ///
    /// Returns false when its bytes are not what was written; there are no events then.
    func load(_ block: BlockReference, from source: TraceSource) throws(TraceError) -> Bool {
        count = 0
        reserve(block)
        let payload = UnsafeMutableRawBufferPointer(rebasing: bytes[..<Int(block.payloadByteCount)])
        guard try source.read(at: block.payloadOffset, into: payload) == payload.count,
            Checksum.of(UnsafeRawBufferPointer(payload)) == block.payloadChecksum
        else { return false }
        separate(UnsafeRawPointer(payload.baseAddress! + EventsHead.byteCount), wordCount: block.wordCount)
        straighten()
        return true
    }

    private func reserve(_ block: BlockReference) {
        if bytes.count < Int(block.payloadByteCount) {
            bytes.deallocate()
            bytes = .allocate(byteCount: Int(block.payloadByteCount), alignment: 64)
        }
        guard capacity < block.wordCount else { return }
        capacity = block.wordCount
        uppers.deallocate()
        times.deallocate()
        uppers = .allocate(capacity: capacity)
        times = .allocate(capacity: capacity)
    }

    /// Takes events out of words: whole ticks, no clock words, no unwritten words.
    private func separate(_ words: UnsafeRawPointer, wordCount: Int) {
        var epoch: UInt64 = 0
        var previous: UInt64 = 0
        var kept = 0
        beginsWithClock = wordCount == 0
        for index in 0..<wordCount {
            let word = EventWord(
                raw: UInt64(littleEndian: words.loadUnaligned(fromByteOffset: index &* 8, as: UInt64.self)))
            let kind = word.kindBits
            guard kind &- 1 < EventKind.clock.rawValue &- 1 else {
                if kind == EventKind.clock.rawValue {
                    epoch = UInt64(word.payload) &<< 32
                    if index == 0 { beginsWithClock = true }
                }
                continue
            }
            var tick = epoch | UInt64(word.tickLow)
            // Its slot was reserved before a clock word and filled after it: the next epoch's.
            if tick &+ (1 &<< 31) < previous { tick &+= 1 &<< 32 }
            previous = tick
            uppers[kept] = word.upper
            times[kept] = tick
            kept &+= 1
        }
        count = kept
    }

    /// Ticks become nanoseconds that never go back.
    ///
    /// A signal handler may run between reserving a slot and filling it; the handler's events
    /// then stand later and are earlier. They nest inside the call, so the call's time gives way.
    private func straighten() {
        var index = count &- 1
        var next = UInt64.max
        while index >= 0 {
            next = min(next, times[index])
            times[index] = next
            index &-= 1
        }
        var line = segment
        var last = lastNanos
        for index in 0..<count {
            let tick = times[index]
            if tick >= line.endTick || tick < line.tick { line = clock.segment(at: tick) }
            last = max(last, ClockMap.nanos(tick, line))
            times[index] = last
        }
        segment = line
        lastNanos = last
    }

    var latestNanos: UInt64 { lastNanos }
}
