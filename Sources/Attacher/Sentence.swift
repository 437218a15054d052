import AgentShims

/// Text for a person, in pieces; there is no heap to make strings in.
struct Sentence {
    private static let capacity = 8192
    private var bytes = InlineArray<8192, UInt8>(repeating: 0)
    private var count = 0

    mutating func add(_ byte: UInt8) {
        if count < Sentence.capacity {
            bytes[count] = byte
            count += 1
        }
    }

    mutating func add(_ text: StaticString) {
        for index in 0..<text.utf8CodeUnitCount { add(text.utf8Start[index]) }
    }

    /// - Parameter text: C string.
    mutating func add(at text: UInt64) {
        var at = text
        while CString.byte(at) != 0 {
            add(CString.byte(at))
            at = at &+ 1
        }
    }

    mutating func add(number: UInt64) {
        if number >= 10 { add(number: number / 10) }
        add(UInt8(truncatingIfNeeded: 48 &+ number % 10))
    }

    mutating func add(hexadecimal number: UInt64) {
        if number >= 16 { add(hexadecimal: number >> 4) }
        let digit = UInt8(truncatingIfNeeded: number & 15)
        add(digit < 10 ? 48 &+ digit : 87 &+ digit)
    }

    /// Ends it as a C string, for paths; an address that holds while `body` runs.
    mutating func withAddress<Result>(_ body: (UInt64) -> Result) -> Result {
        if count < Sentence.capacity { bytes[count] = 0 }
        return withUnsafeMutablePointer(to: &bytes) { body(UInt64(UInt(bitPattern: $0))) }
    }

    /// Writes it as a line.
    ///
    /// - Parameter descriptor: 1 or 2.
    mutating func say(_ descriptor: Int64) {
        add(10)
        let count = Int64(self.count)
        withAddress { _ = System.call(CallNumber.write, descriptor, Int64(bitPattern: $0), count) }
    }
}
