/// Collects bytes of text and hands them on in large pieces.
///
/// Unsafe: the memory is owned; room is made before anything is stored, in `add` for text of any
/// length and in `line` for what is stored without a further look.
public struct TextBuffer: ~Copyable {
    /// What `line` promises beyond the room that was asked for: stores go 16 bytes at a time.
    static let slackByteCount = 64

    private var memory: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private var count = 0
    private let limit: Int
    private let sink: (UnsafeRawBufferPointer) -> Bool
    /// False once the reader of the text has gone away.
    public private(set) var isOpen = true

    /// - Parameter sink: takes a piece; returns false when no more is wanted.
    public init(limit: Int = 1 << 18, sink: @escaping (UnsafeRawBufferPointer) -> Bool) {
        self.limit = limit
        self.sink = sink
        capacity = limit + 4096
        memory = .allocate(capacity: capacity)
    }

    deinit { memory.deallocate() }

    public mutating func add(_ byte: UInt8) {
        makeRoom(1)
        memory[count] = byte
        count &+= 1
    }

    public mutating func add(_ text: [UInt8]) { text.withUnsafeBufferPointer { add($0) } }

    public mutating func add(_ text: StaticString) {
        add(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    public mutating func add(spaces spaceCount: Int) {
        guard spaceCount > 0 else { return }
        makeRoom(spaceCount)
        (memory + count).update(repeating: UInt8(ascii: " "), count: spaceCount)
        count &+= spaceCount
    }

    /// A number, with spaces before it up to `width` and zeros up to `digits`.
    public mutating func add(_ number: UInt64, width: Int = 0, digits: Int = 1) {
        var rest = number
        var reversed: InlineArray<20, UInt8> = .init(repeating: UInt8(ascii: "0"))
        var digitCount = 0
        repeat {
            reversed[digitCount] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
            digitCount &+= 1
        } while rest > 0
        digitCount = min(20, max(digitCount, digits))
        add(spaces: width &- digitCount)
        makeRoom(digitCount)
        while digitCount > 0 {
            digitCount &-= 1
            memory[count] = reversed[digitCount]
            count &+= 1
        }
    }

    public mutating func endLine() {
        add(UInt8(ascii: "\n"))
        if count >= limit { flush() }
    }

    public mutating func flush() {
        if isOpen && count > 0 { isOpen = sink(UnsafeRawBufferPointer(start: memory, count: count)) }
        count = 0
    }

    /// Where to store up to `byteCount` bytes; `endLine(at:)` tells where they ended.
    @inline(__always)
    mutating func line(upTo byteCount: Int) -> UnsafeMutablePointer<UInt8> {
        makeRoom(byteCount &+ TextBuffer.slackByteCount)
        return memory + count
    }

    @inline(__always)
    mutating func endLine(at end: UnsafeMutablePointer<UInt8>) {
        count = end - memory
        if count >= limit { flush() }
    }

    private mutating func add(_ text: UnsafeBufferPointer<UInt8>) {
        guard let start = text.baseAddress else { return }
        makeRoom(text.count)
        (memory + count).update(from: start, count: text.count)
        count &+= text.count
    }

    @inline(__always)
    private mutating func makeRoom(_ byteCount: Int) {
        if capacity &- count < byteCount { grow(byteCount) }
    }

    @inline(never)
    private mutating func grow(_ byteCount: Int) {
        capacity = max(capacity * 2, count + byteCount)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        larger.update(from: memory, count: count)
        memory.deallocate()
        memory = larger
    }
}

extension TextBuffer {
    /// A duration as uftrace prints it, 11 columns: `  12.345 us`.
    public mutating func add(durationNanos: UInt64) {
        let (whole, part, unit) = DurationParts.of(durationNanos)
        add(whole, width: 4)
        add(UInt8(ascii: "."))
        add(part, digits: 3)
        add(unit.text)
    }
}

/// A duration as a whole number of units and thousandths of it.
enum DurationParts {
    enum Unit: Int {
        case micros, millis, seconds, minutes, hours

        var text: StaticString {
            switch self {
            case .micros: " us"
            case .millis: " ms"
            case .seconds: "  s"
            case .minutes: "  m"
            case .hours: "  h"
            }
        }
    }

    @inline(__always)
    static func of(_ nanos: UInt64) -> (whole: UInt64, part: UInt64, unit: Unit) {
        if nanos < 1_000_000 {
            let whole = nanos / 1000
            return (whole, nanos &- whole &* 1000, .micros)
        }
        return long(nanos)
    }

    @inline(never)
    private static func long(_ nanos: UInt64) -> (whole: UInt64, part: UInt64, unit: Unit) {
        switch nanos {
        case ..<1_000_000_000: (nanos / 1_000_000, nanos / 1000 % 1000, .millis)
        case ..<60_000_000_000: (nanos / 1_000_000_000, nanos / 1_000_000 % 1000, .seconds)
        case ..<3_600_000_000_000: (nanos / 60_000_000_000, nanos % 60_000_000_000 * 1000 / 60_000_000_000, .minutes)
        default: (nanos / 3_600_000_000_000, nanos % 3_600_000_000_000 / 3_600_000_000 % 1000, .hours)
        }
    }
}
