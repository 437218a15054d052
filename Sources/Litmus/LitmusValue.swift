/// What a register or a place in memory holds.
enum LitmusValue: Hashable, Sendable {
    case integer(Int64)
    /// The address of a place in memory, and bytes behind it.
    case address(String, offset: Int64 = 0)
    /// The address of an instruction: a thread's code and an index in it.
    case code(thread: Int, index: Int)
    /// An instruction, as a value of the place that it stands in; its targets are relative to it.
    case instruction(LitmusInstruction)

    static let zero = LitmusValue.integer(0)

    /// Whether it is the same as another; nil where that depends on what the test does not say: the encoding of an
    /// instruction, the number of an address.
    func isSame(as other: LitmusValue) -> Bool? {
        if self == other { return true }
        switch (self, other) {
        case (.integer, .integer), (.address, .address), (.code, .code): return false
        // Words of 0 to 0xffff are undefined instructions, and no address of a test is that low.
        case (.integer(let number), _), (_, .integer(let number)): return 0..<0x1_0000 ~= number ? false : nil
        case (.instruction(let a), .instruction(let b)): return a.isEncodedOnce || b.isEncodedOnce ? false : nil
        case (.address, .code), (.code, .address): return false
        default: return nil
        }
    }

    /// What is left of it in a register of 32 bits; nil for an address, of which half is no value here.
    var narrow: LitmusValue? {
        switch self {
        case .integer(let number): .integer(Int64(UInt32(truncatingIfNeeded: number)))
        case .instruction: self
        case .address, .code: nil
        }
    }

    /// Bytes further, where that is a place.
    func advanced(by bytes: Int64) -> LitmusValue? {
        switch self {
        case .integer(let number): return .integer(number &+ bytes)
        case .address(let name, let offset):
            let (sum, overflows) = offset.addingReportingOverflow(bytes)
            return overflows ? nil : .address(name, offset: sum)
        case .code(let thread, let index):
            guard bytes % 4 == 0, abs(bytes / 4) < 1 << 20, index + Int(bytes / 4) >= 0 else { return nil }
            return .code(thread: thread, index: index + Int(bytes / 4))
        case .instruction: return nil
        }
    }
}

extension LitmusValue: CustomStringConvertible {
    var description: String {
        switch self {
        case .integer(let value): String(value)
        case .address(let name, let offset): LitmusLocation.data(name, offset: offset).description
        case .code(let thread, let index): LitmusLocation.code(thread: thread, index: index).description
        case .instruction(let instruction): instruction.text
        }
    }
}

/// A place that events are about.
enum LitmusLocation: Hashable, Sendable, CustomStringConvertible {
    case data(String, offset: Int64 = 0)
    case code(thread: Int, index: Int)

    var description: String {
        switch self {
        case .data(let name, let offset): offset == 0 ? name : "\(name)+\(offset)"
        case .code(let thread, let index): "P\(thread)+\(4 * index)"
        }
    }
}

/// What caches leave to be done by who writes code.
public enum CacheType: String, Equatable, Hashable, Sendable, CaseIterable {
    case none
    /// CTR_EL0.IDC: data caches need no cleaning.
    case idc
    /// And CTR_EL0.DIC: instruction caches need no invalidation.
    case dicIdc = "dic+idc"
}
