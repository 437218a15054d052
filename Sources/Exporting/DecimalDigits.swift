/// Tables for writing decimal digits two at a time. They live beside the buffer, because a
/// global of this kind is looked up through a lazy initialiser each time.
final class DecimalDigits {
    private let pairs: UnsafeMutablePointer<UInt8>
    /// 1, 10, 100 ... 10^19.
    private let powers: UnsafeMutablePointer<UInt64>

    init() {
        pairs = .allocate(capacity: 200)
        powers = .allocate(capacity: 20)
        for value in 0..<100 {
            pairs[value * 2] = 0x30 + UInt8(value / 10)
            pairs[value * 2 + 1] = 0x30 + UInt8(value % 10)
        }
        var power: UInt64 = 1
        for exponent in 0..<20 {
            powers[exponent] = power
            power &*= 10
        }
    }

    deinit {
        pairs.deallocate()
        powers.deallocate()
    }

    /// How many digits `value` has; 1 for zero.
    @inline(__always)
    func count(of value: UInt64) -> Int {
        let bitCount = 64 - (value | 1).leadingZeroBitCount
        // 1233 / 4096 is log10(2), near enough for 64 bits: the guess is right or one too high.
        let guess = (bitCount * 1233) >> 12
        return guess + ((value | 1) >= powers[guess] ? 1 : 0)
    }

    /// Stores a number of at most 20 digits; returns how many.
    @inline(__always)
    func storeDecimal(_ value: UInt64, at place: UnsafeMutablePointer<UInt8>) -> Int {
        let digitCount = count(of: value)
        var rest = value
        var end = place + digitCount
        while rest >= 100 {
            end -= 2
            let hundreds = rest / 100
            storePair(rest &- hundreds &* 100, at: end)
            rest = hundreds
        }
        if rest >= 10 {
            storePair(rest, at: end - 2)
        } else {
            end[-1] = 0x30 + UInt8(truncatingIfNeeded: rest)
        }
        return digitCount
    }

    /// Stores microseconds with three decimals, at most 24 bytes; returns how many.
    @inline(__always)
    func storeMicros(nanos: UInt64, at place: UnsafeMutablePointer<UInt8>) -> Int {
        let micros = nanos / 1000
        let rest = nanos &- micros &* 1000
        let point = storeDecimal(micros, at: place)
        place[point] = UInt8(ascii: ".")
        place[point + 1] = 0x30 + UInt8(truncatingIfNeeded: rest / 100)
        storePair(rest % 100, at: place + point + 2)
        return point + 4
    }

    /// Stores two digits of a value below 100.
    @inline(__always)
    func storePair(_ value: UInt64, at place: UnsafeMutablePointer<UInt8>) {
        let pair = Int(truncatingIfNeeded: value) * 2
        place[0] = pairs[pair]
        place[1] = pairs[pair + 1]
    }
}
