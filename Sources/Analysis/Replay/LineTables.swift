/// Bytes that lines are put together from, four and sixteen at a time.
///
/// Unsafe: stores go to where the caller has room, with `TextBuffer.slackByteCount` to spare.
struct LineTables: ~Copyable {
    /// `"   7"` and `".007"` for 0...999, as the four bytes lie in memory.
    private let wholes: UnsafeMutablePointer<UInt32>
    private let parts: UnsafeMutablePointer<UInt32>
    /// `" us "` by unit; the last byte is overwritten by what follows.
    private let units: UnsafeMutablePointer<UInt32>

    init() {
        wholes = .allocate(capacity: 1000)
        parts = .allocate(capacity: 1000)
        units = .allocate(capacity: 5)
        for number in 0..<1000 {
            let digits = String(number)
            wholes[number] = LineTables.word(String(repeating: " ", count: 4 - digits.count) + digits)
            parts[number] = LineTables.word("." + String(repeating: "0", count: 3 - digits.count) + digits)
        }
        for unit in 0..<5 { units[unit] = LineTables.word("\(DurationParts.Unit(rawValue: unit)?.text ?? "") ") }
    }

    deinit {
        wholes.deallocate()
        parts.deallocate()
        units.deallocate()
    }

    /// A duration of 11 columns; nil where it needs more (from 1000 hours on), and nothing is stored.
    @inline(__always)
    func store(durationNanos: UInt64, at place: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8>? {
        let (whole, part, unit) = DurationParts.of(durationNanos)
        guard whole < 1000 else { return nil }
        let raw = UnsafeMutableRawPointer(place)
        raw.storeBytes(of: wholes[Int(truncatingIfNeeded: whole)], as: UInt32.self)
        raw.storeBytes(of: parts[Int(truncatingIfNeeded: part)], toByteOffset: 4, as: UInt32.self)
        raw.storeBytes(of: units[unit.rawValue], toByteOffset: 8, as: UInt32.self)
        return place + 11
    }

    @inline(__always)
    static func store(spaces count: Int, at place: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
        var done = 0
        repeat {
            UnsafeMutableRawPointer(place + done).storeBytes(
                of: SIMD16(repeating: UInt8(ascii: " ")), as: SIMD16<UInt8>.self)
            done &+= 16
        } while done < count
        return place + count
    }

    @inline(__always)
    static func store(_ name: NameBytes.Name, at place: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
        var done = 0
        repeat {
            let piece = UnsafeRawPointer(name.start + done).loadUnaligned(as: SIMD16<UInt8>.self)
            UnsafeMutableRawPointer(place + done).storeBytes(of: piece, as: SIMD16<UInt8>.self)
            done &+= 16
        } while done < name.byteCount
        return place + name.byteCount
    }

    /// At most 64 bytes of text.
    @inline(__always)
    static func store(_ text: StaticString, at place: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
        place.update(from: text.utf8Start, count: text.utf8CodeUnitCount)
        return place + text.utf8CodeUnitCount
    }

    private static func word(_ text: String) -> UInt32 {
        text.utf8.reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
}
