import Reading

/// The names of functions as bytes, made when they are first asked for.
///
/// Unsafe: names lie in memory that is owned here, each followed by room for a store of 16 bytes.
struct NameBytes: ~Copyable {
    struct Name {
        var start: UnsafeMutablePointer<UInt8>
        var byteCount: Int
    }

    private static let smallIDCount = 1 << 20
    private let trace: Trace
    /// By id; ids beyond `smallIDCount`, which only a damaged trace has, are in `others`.
    private var names: UnsafeMutableBufferPointer<Name?>
    private var others: [UInt32: Name] = [:]

    init(_ trace: Trace) {
        self.trace = trace
        names = .allocate(capacity: 1024)
        names.initialize(repeating: nil)
    }

    deinit {
        for name in names { name?.start.deallocate() }
        for name in others.values { name.start.deallocate() }
        names.deallocate()
    }

    @inline(__always)
    mutating func name(_ function: UInt32) -> Name {
        let id = Int(truncatingIfNeeded: function)
        if id < names.count, let name = names[id] { return name }
        return newName(function)
    }

    @inline(never)
    private mutating func newName(_ function: UInt32) -> Name {
        if let name = others[function] { return name }
        let name = made(trace.function(function).baseName)
        let id = Int(truncatingIfNeeded: function)
        if id < NameBytes.smallIDCount {
            if id >= names.count { grow(id) }
            names[id] = name
        } else {
            others[function] = name
        }
        return name
    }

    private func made(_ text: String) -> Name {
        let bytes = Array(text.utf8)
        let start = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count + 16)
        start.initialize(repeating: 0, count: bytes.count + 16)
        for (place, byte) in bytes.enumerated() { start[place] = byte }
        return Name(start: start, byteCount: bytes.count)
    }

    private mutating func grow(_ id: Int) {
        let larger = UnsafeMutableBufferPointer<Name?>.allocate(capacity: max(id + 1, names.count * 2))
        larger.initialize(repeating: nil)
        _ = larger.update(fromContentsOf: names)
        names.deallocate()
        names = larger
    }
}
