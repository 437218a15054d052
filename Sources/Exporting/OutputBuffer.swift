import Glibc

/// Gathers output bytes and writes them to a file descriptor in large pieces.
///
/// The first error sticks: what is put after it is dropped, so that the code which puts bytes
/// for each event needs no error path, and `finish` throws it. Memory is bounded by
/// `capacityByteCount`. Used by one thread at a time.
///
/// Raw memory is confined to this file. Everything is copied in; nothing points out of it.
public final class OutputBuffer {
    static let capacityByteCount = 1 << 20
    /// No single `reserve` may be longer.
    static let reserveByteCount = 4096

    let path: String
    private let descriptor: Int32
    private let memory: UnsafeMutablePointer<UInt8>
    private let digits = DecimalDigits()
    private var count = 0
    private var failureCode: Int32?
    /// Bytes that the kernel has taken.
    public private(set) var writtenByteCount: UInt64 = 0

    /// Writes to `descriptor`, which the caller keeps open until `finish` and closes.
    /// `path` is for messages.
    public init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
        memory = .allocate(capacity: OutputBuffer.capacityByteCount)
    }

    deinit { memory.deallocate() }

    /// True once a write has failed: there is no use in producing more.
    public var hasFailed: Bool { failureCode != nil }

    /// Writes what is left over.
    public func finish() throws(ExportError) {
        drain()
        if let code = failureCode {
            throw .cannotWrite(path: path, code: code, byteCount: writtenByteCount)
        }
    }

    private func drain() {
        var done = 0
        while done < count, failureCode == nil {
            let written = Glibc.write(descriptor, memory + done, count - done)
            if written > 0 {
                done += written
                writtenByteCount += UInt64(written)
            } else if written == 0 || errno != EINTR {
                failureCode = written == 0 ? ENOSPC : errno
            }
        }
        count = 0
    }

    /// Makes room for `byteCount` bytes, at most `reserveByteCount`.
    @inline(__always)
    private func reserve(_ byteCount: Int) {
        if count + byteCount > OutputBuffer.capacityByteCount { drain() }
    }

    @inline(__always)
    func put(_ byte: UInt8) {
        reserve(1)
        memory[count] = byte
        count += 1
    }

    func put(_ text: StaticString) {
        put(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    func put(_ text: String) {
        var text = text
        text.withUTF8 { put($0) }
    }

    func put(_ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { put($0) }
    }

    func put(_ bytes: ArraySlice<UInt8>) {
        bytes.withUnsafeBufferPointer { put($0) }
    }

    private func put(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard var source = bytes.baseAddress else { return }
        var left = bytes.count
        while left > 0 {
            if count == OutputBuffer.capacityByteCount { drain() }
            let piece = min(left, OutputBuffer.capacityByteCount - count)
            (memory + count).update(from: source, count: piece)
            count += piece
            source += piece
            left -= piece
        }
    }

    /// Decimal digits, no sign, no leading zeros.
    func putDecimal(_ value: UInt64) {
        reserve(20)
        let digitCount = digits.count(of: value)
        var rest = value
        var index = count + digitCount
        while rest >= 100 {
            index -= 2
            digits.storePair(rest % 100, at: memory + index)
            rest /= 100
        }
        if rest >= 10 {
            digits.storePair(rest, at: memory + index - 2)
        } else {
            memory[index - 1] = 0x30 + UInt8(truncatingIfNeeded: rest)
        }
        count += digitCount
    }

    /// Nanoseconds as microseconds with three decimals: 1234567 is "1234.567".
    func putMicros(nanos: UInt64) {
        putDecimal(nanos / 1000)
        reserve(4)
        let rest = nanos % 1000
        memory[count] = UInt8(ascii: ".")
        memory[count + 1] = 0x30 + UInt8(truncatingIfNeeded: rest / 100)
        digits.storePair(rest % 100, at: memory + count + 2)
        count += 4
    }

    /// One byte string of which nothing is split over two writes; at most `reserveByteCount`.
    /// `fill` gets room for `byteCount` bytes and returns how many it used.
    @inline(__always)
    func putReserved(_ byteCount: Int, _ fill: (UnsafeMutablePointer<UInt8>) -> Int) {
        precondition(byteCount <= OutputBuffer.reserveByteCount)
        reserve(byteCount)
        count += fill(memory + count)
    }
}

/// Tables for writing decimal digits two at a time. They live beside the buffer, because a
/// global of this kind is looked up through a lazy initialiser each time.
private final class DecimalDigits {
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

    /// Stores two digits of a value below 100.
    @inline(__always)
    func storePair(_ value: UInt64, at place: UnsafeMutablePointer<UInt8>) {
        let pair = Int(truncatingIfNeeded: value) * 2
        place[0] = pairs[pair]
        place[1] = pairs[pair + 1]
    }
}
