/// The instruction sets that sites, stubs and plans are made for.
public enum InstructionSet: String, Equatable, Hashable, Sendable, CaseIterable {
    case x86_64 = "x86-64"
    /// AArch64.
    case a64
    /// 32-bit Arm, instructions of 32 bits.
    case a32
    /// Thumb-2: 32-bit Arm, instructions of 16 and 32 bits.
    case t32

    /// What an instruction's length is counted in, bytes.
    public var unitByteCount: Int {
        switch self {
        case .x86_64: 1
        case .a64, .a32: 4
        case .t32: 2
        }
    }
}

/// Why an Arm instruction can't be encoded.
public enum EncodingError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A branch to farther than it reaches; bytes.
    case outOfRange(distance: Int64, reach: Int64)
    /// A branch to where no instruction can begin.
    case misaligned(distance: Int64)
    /// A number that the instruction has no room for.
    case tooLarge(Int64)

    public var description: String {
        switch self {
        case .outOfRange(let distance, let reach): "\(distance) bytes away, but the branch reaches \(reach)"
        case .misaligned(let distance): "\(distance) bytes away, where no instruction can begin"
        case .tooLarge(let value): "the instruction has no room for \(value)"
        }
    }
}

extension UInt32 {
    /// The bytes of a word, lowest first.
    var littleEndianBytes: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: self >> (8 * $0)) } }

    /// A branch's distance as a field of `bits` bits that counts in units of `unit` bytes.
    ///
    /// Throws: `.misaligned`, `.outOfRange`; the reach is that of the forward direction, rounded up.
    static func field(_ distance: Int64, unit: Int64, bits: Int64) throws(EncodingError) -> UInt32 {
        guard distance % unit == 0 else { throw .misaligned(distance: distance) }
        let limit = unit << (bits - 1)
        guard distance >= -limit, distance < limit else { throw .outOfRange(distance: distance, reach: limit) }
        return UInt32(truncatingIfNeeded: distance / unit) & (1 << UInt32(bits) - 1)
    }

    /// The distance that such a field stands for.
    func distance(unit: Int64, bits: UInt32) -> Int64 {
        let sign: UInt32 = 1 << (bits - 1)
        let value = self & (1 << bits - 1)
        return (Int64(value) - (value & sign != 0 ? Int64(1) << Int64(bits) : 0)) * unit
    }
}
