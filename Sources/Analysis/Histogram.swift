/// Counts durations in buckets whose width grows with the value: every quantile is within 1 %.
///
/// Values below 128 ns have a bucket each; above, 64 buckets for each doubling. Buckets are
/// allocated for the range that occurs. Owned memory: call `deallocate` once.
struct Histogram {
    private static let bits = 6
    private static let octaveSize = 1 << bits
    private var counts: UnsafeMutablePointer<UInt64>?
    private var firstOctave = 0
    private var octaveCount = 0

    mutating func deallocate() {
        counts?.deallocate()
        counts = nil
        octaveCount = 0
    }

    @inline(__always)
    mutating func add(_ value: UInt64) {
        let bucket = Histogram.bucket(value)
        let octave = bucket &>> Histogram.bits
        if octave &- firstOctave >= octaveCount || octave < firstOctave { cover(octave) }
        if let counts { counts[bucket &- firstOctave &<< Histogram.bits] &+= 1 }
    }

    mutating func add(_ other: Histogram) {
        guard let theirs = other.counts, other.octaveCount > 0 else { return }
        cover(other.firstOctave)
        cover(other.firstOctave + other.octaveCount - 1)
        guard let counts else { return }
        let offset = (other.firstOctave - firstOctave) << Histogram.bits
        for index in 0..<(other.octaveCount << Histogram.bits) { counts[index + offset] &+= theirs[index] }
    }

    /// The value that `numerator`/`denominator` of all values do not exceed, in the middle of its bucket.
    func quantile(_ numerator: UInt64, of denominator: UInt64) -> UInt64 {
        guard let counts else { return 0 }
        let size = octaveCount << Histogram.bits
        let total = (0..<size).reduce(UInt64(0)) { $0 &+ counts[$1] }
        let product = total.multipliedFullWidth(by: numerator)
        let wanted = max(1, denominator.dividingFullWidth((product.high, product.low &+ (denominator - 1))).quotient)
        var seen: UInt64 = 0
        for index in 0..<size {
            seen &+= counts[index]
            if seen >= wanted { return Histogram.middle(index + firstOctave << Histogram.bits) }
        }
        return 0
    }

    @inline(__always)
    private static func bucket(_ value: UInt64) -> Int {
        guard value >= UInt64(octaveSize) else { return Int(truncatingIfNeeded: value) }
        let exponent = 63 &- value.leadingZeroBitCount
        let shift = exponent &- bits
        return (shift &+ 1) &<< bits &+ Int(truncatingIfNeeded: (value &>> UInt64(shift)) & UInt64(octaveSize &- 1))
    }

    private static func middle(_ bucket: Int) -> UInt64 {
        let octave = bucket >> bits
        guard octave > 0 else { return UInt64(bucket) }
        let shift = UInt64(octave - 1)
        let low = UInt64(octaveSize + bucket & (octaveSize - 1)) << shift
        return low + (1 << shift) / 2
    }

    @inline(never)
    private mutating func cover(_ octave: Int) {
        let first = octaveCount == 0 ? octave : min(firstOctave, octave)
        let end = octaveCount == 0 ? octave + 1 : max(firstOctave + octaveCount, octave + 1)
        guard first != firstOctave || end - first != octaveCount else { return }
        let size = (end - first) << Histogram.bits
        let larger = UnsafeMutablePointer<UInt64>.allocate(capacity: size)
        larger.initialize(repeating: 0, count: size)
        if let counts {
            let offset = (firstOctave - first) << Histogram.bits
            for index in 0..<(octaveCount << Histogram.bits) { larger[index + offset] = counts[index] }
            counts.deallocate()
        }
        counts = larger
        firstOctave = first
        octaveCount = end - first
    }
}
