import AgentShims

/// The memory of the process that is attached to, through /proc/PID/mem.
struct TargetMemory {
    let descriptor: Int64

    /// False where not all of it is mapped.
    func read(_ address: UInt64, to: UInt64, _ byteCount: UInt64) -> Bool {
        System.readAt(descriptor, to, byteCount, offset: address) == Int64(bitPattern: byteCount)
    }

    func write(_ address: UInt64, from: UInt64, _ byteCount: UInt64) -> Bool {
        System.writeAt(descriptor, from, byteCount, offset: address) == Int64(bitPattern: byteCount)
    }

    /// A number of 64 bits; nil where nothing is mapped.
    func value(_ address: UInt64) -> UInt64? { number(address, 8) }

    /// A number of the machine's word size.
    func word(_ address: UInt64) -> UInt64? { number(address, UInt64(Word.byteCount)) }

    /// A number of 32 bits.
    func half(_ address: UInt64) -> UInt64? { number(address, 4) }

    private func number(_ address: UInt64, _ byteCount: UInt64) -> UInt64? {
        var value: UInt64 = 0
        let done = withUnsafeMutablePointer(to: &value) {
            read(address, to: UInt64(UInt(bitPattern: $0)), byteCount)
        }
        return done ? value : nil
    }

    @discardableResult
    func set(_ address: UInt64, _ value: UInt64) -> Bool { store(address, value, 8) }

    func setWord(_ address: UInt64, _ value: UInt64) -> Bool { store(address, value, UInt64(Word.byteCount)) }

    private func store(_ address: UInt64, _ value: UInt64, _ byteCount: UInt64) -> Bool {
        var value = value
        return withUnsafeMutablePointer(to: &value) {
            write(address, from: UInt64(UInt(bitPattern: $0)), byteCount)
        }
    }

    /// Whether a C string stands there that is this text.
    func holds(_ address: UInt64, _ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        for index in 0...count {
            guard let byte = number(address &+ UInt64(index), 1) else { return false }
            if UInt8(truncatingIfNeeded: byte) != (index < count ? text.utf8Start[index] : 0) { return false }
        }
        return true
    }

    /// Adds a C string to a sentence.
    func add(_ address: UInt64, to sentence: inout Sentence) {
        var at = address
        while let byte = number(at, 1), byte != 0 {
            sentence.add(UInt8(truncatingIfNeeded: byte))
            at = at &+ 1
        }
    }
}
