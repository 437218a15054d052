import TraceFormat

/// Maps ticks to CLOCK_MONOTONIC by straight lines between the moments that were measured.
///
/// Before the first and after the last moment the nearest line goes on.
public struct ClockMap: Sendable {
    struct Segment: Sendable {
        var tick: UInt64
        var nanos: UInt64
        /// Nanoseconds a tick, in units of 2^-40.
        var rate: UInt64
        /// The first tick of the next segment.
        var endTick: UInt64
    }

    let segments: [Segment]
    let fits: [ClockFitRecord]
    private static let rateBits: UInt64 = 40

    init(_ records: [ClockFitRecord]) {
        var fits: [ClockFitRecord] = []
        for record in records.sorted(by: { $0.tick < $1.tick }) {
            if let last = fits.last, record.tick <= last.tick || record.monotonicNanos <= last.monotonicNanos {
                continue
            }
            fits.append(record)
        }
        self.fits = fits
        segments = ClockMap.lines(fits)
    }

    /// Ticks a second between the first moment and the last; nil when fewer than two are known.
    public var ticksPerSecond: Double? {
        guard let first = fits.first, let last = fits.last, last.tick > first.tick else { return nil }
        return Double(last.tick - first.tick) / Double(last.monotonicNanos - first.monotonicNanos) * 1e9
    }

    /// How much the rate of single lines differs from the rate over all of them, at most, in parts per million.
    public var driftPartsPerMillion: Double {
        guard let whole = ticksPerSecond, fits.count > 2 else { return 0 }
        return zip(fits, fits.dropFirst()).map { first, second in
            let rate = Double(second.tick - first.tick) / Double(second.monotonicNanos - first.monotonicNanos) * 1e9
            return abs(rate / whole - 1) * 1e6
        }.max() ?? 0
    }

    public var fitCount: Int { fits.count }

    public func nanos(_ tick: UInt64) -> UInt64 {
        ClockMap.nanos(tick, segment(at: tick))
    }

    func segment(at tick: UInt64) -> Segment {
        var low = 0
        var high = segments.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if segments[middle].tick <= tick { low = middle } else { high = middle }
        }
        return segments[low]
    }

    static func nanos(_ tick: UInt64, _ segment: Segment) -> UInt64 {
        if tick >= segment.tick {
            return segment.nanos &+ scaled(tick &- segment.tick, segment.rate)
        }
        let before = scaled(segment.tick &- tick, segment.rate)
        return before < segment.nanos ? segment.nanos &- before : 0
    }

    private static func scaled(_ ticks: UInt64, _ rate: UInt64) -> UInt64 {
        let product = ticks.multipliedFullWidth(by: rate)
        return product.high &<< (64 &- rateBits) | product.low &>> rateBits
    }

    private static func lines(_ fits: [ClockFitRecord]) -> [Segment] {
        guard let first = fits.first else {
            return [Segment(tick: 0, nanos: 0, rate: 1 << rateBits, endTick: .max)]
        }
        guard fits.count > 1 else {
            return [Segment(tick: first.tick, nanos: first.monotonicNanos, rate: 1 << rateBits, endTick: .max)]
        }
        var lines = zip(fits, fits.dropFirst()).map { first, second in
            let rate = Double(second.monotonicNanos - first.monotonicNanos) / Double(second.tick - first.tick)
            // More than a second a tick is no clock.
            let scaled = min(rate, 1e6) * Double(UInt64(1) << rateBits)
            return Segment(tick: first.tick, nanos: first.monotonicNanos, rate: UInt64(scaled), endTick: second.tick)
        }
        lines[lines.count - 1].endTick = .max
        return lines
    }
}
