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

    /// Writes a text of any length.
    public func write(_ text: String) {
        for byte in text.utf8 { put(byte) }
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
        count += digits.storeDecimal(value, at: memory + count)
    }

    /// Nanoseconds as microseconds with three decimals: 1234567 is "1234.567".
    func putMicros(nanos: UInt64) {
        reserve(24)
        count += digits.storeMicros(nanos: nanos, at: memory + count)
    }

    /// `head`, a time, `between`, a length of time, and a part of `tails`, as one piece: what a
    /// call is in a text format. Room is looked for once; anything long goes the slow way.
    @inline(__always)
    func put(
        _ head: [UInt8], micros nanos: UInt64, _ between: StaticString, micros lengthNanos: UInt64,
        _ tails: [UInt8], _ tail: Range<Int>
    ) {
        let byteCount = head.count + between.utf8CodeUnitCount + tail.count + 48
        guard byteCount <= OutputBuffer.reserveByteCount else {
            put(head)
            putMicros(nanos: nanos)
            put(between)
            putMicros(nanos: lengthNanos)
            return put(tails[tail])
        }
        reserve(byteCount)
        var place = memory + count
        place = Self.copy(head, 0..<head.count, to: place)
        place += digits.storeMicros(nanos: nanos, at: place)
        place.update(from: between.utf8Start, count: between.utf8CodeUnitCount)
        place += between.utf8CodeUnitCount
        place += digits.storeMicros(nanos: lengthNanos, at: place)
        place = Self.copy(tails, tail, to: place)
        count = place - memory
    }

    @inline(__always)
    private static func copy(
        _ bytes: [UInt8], _ range: Range<Int>, to place: UnsafeMutablePointer<UInt8>
    ) -> UnsafeMutablePointer<UInt8> {
        bytes[range].withUnsafeBufferPointer { source in
            if let start = source.baseAddress { place.update(from: start, count: source.count) }
        }
        return place + range.count
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
