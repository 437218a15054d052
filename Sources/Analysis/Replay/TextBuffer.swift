import Glibc

/// Collects bytes of text and hands them on in large pieces. No line goes through String formatting.
public struct TextBuffer {
    private var bytes: [UInt8] = []
    private let limit: Int
    private let sink: ([UInt8]) -> Bool
    /// False once the reader of the text has gone away.
    public private(set) var isOpen = true

    /// - Parameter sink: takes a piece; returns false when no more is wanted.
    public init(limit: Int = 1 << 18, sink: @escaping ([UInt8]) -> Bool) {
        self.limit = limit
        self.sink = sink
        bytes.reserveCapacity(limit + 4096)
    }

    public mutating func add(_ byte: UInt8) { bytes.append(byte) }
    public mutating func add(_ text: [UInt8]) { bytes.append(contentsOf: text) }
    public mutating func add(_ text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }
    public mutating func add(spaces count: Int) {
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: max(0, count)))
    }

    /// A number, with spaces before it up to `width` and zeros up to `digits`.
    public mutating func add(_ number: UInt64, width: Int = 0, digits: Int = 1) {
        var rest = number
        var reversed: InlineArray<20, UInt8> = .init(repeating: UInt8(ascii: "0"))
        var count = 0
        repeat {
            reversed[count] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
            count &+= 1
        } while rest > 0
        count = min(20, max(count, digits))
        add(spaces: width &- count)
        while count > 0 {
            count &-= 1
            bytes.append(reversed[count])
        }
    }

    public mutating func endLine() {
        bytes.append(UInt8(ascii: "\n"))
        if bytes.count >= limit { flush() }
    }

    public mutating func flush() {
        if isOpen && !bytes.isEmpty { isOpen = sink(bytes) }
        bytes.removeAll(keepingCapacity: true)
    }

    /// A duration as uftrace prints it, 11 columns: `  12.345 us`.
    public mutating func add(durationNanos: UInt64) {
        let (whole, part, unit): (UInt64, UInt64, StaticString) =
            switch durationNanos {
            case ..<1_000_000: (durationNanos / 1000, durationNanos % 1000, " us")
            case ..<1_000_000_000: (durationNanos / 1_000_000, durationNanos / 1000 % 1000, " ms")
            case ..<60_000_000_000: (durationNanos / 1_000_000_000, durationNanos / 1_000_000 % 1000, "  s")
            case ..<3_600_000_000_000:
                (durationNanos / 60_000_000_000, durationNanos % 60_000_000_000 * 1000 / 60_000_000_000, "  m")
            default: (durationNanos / 3_600_000_000_000, durationNanos % 3_600_000_000_000 / 3_600_000_000 % 1000, "  h")
            }
        add(whole, width: 4)
        add(UInt8(ascii: "."))
        add(part, digits: 3)
        add(unit)
    }
}
