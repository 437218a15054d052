/// The A32 instructions that stubs have besides those of sleds: loads, stores, arithmetic, system registers.
///
/// Shape:  one word, little-endian; their condition is always, unless they have one. Registers are numbers: 13 is the
///         stack pointer, 14 the link register, 15 the program counter.
/// Units:  offsets and distances in bytes; distances count from the instruction's own address.
/// Source: Arm Architecture Reference Manual ARMv7-A and ARMv7-R (DDI 0406), A5 and A8.
public enum A32StubInstruction: Equatable, Hashable, Sendable {
    /// Conditions, by their number.
    public enum Condition: UInt32, Sendable, CaseIterable {
        case equal = 0
        case notEqual = 1
        /// Carry set: higher or the same, unsigned.
        case carrySet = 2
        /// Carry clear: lower, unsigned.
        case carryClear = 3
        case always = 14
    }

    /// PUSH and POP of a list: a bit a register.
    case push(UInt16)
    case pop(UInt16)
    /// MRC p15, 0, to, c13, c0, 3: TPIDRURO.
    case readThreadPointer(UInt8)
    /// MRRC p15, 1, low, high, c14: CNTVCT.
    case readCounter(low: UInt8, high: UInt8)
    /// ADD, SUB, RSB of a number with eight bits, turned by an even number of places.
    case addImmediate(UInt8, UInt8, UInt32)
    case subtractImmediate(UInt8, UInt8, UInt32)
    /// RSB to, from, #0.
    case negate(UInt8, UInt8)
    case move(UInt8, UInt8)
    case moveImmediate(UInt8, UInt32)
    case compare(UInt8, UInt8)
    case compareImmediate(UInt8, UInt32)
    /// CMN.
    case compareNegative(UInt8, UInt8, Condition)
    /// UXTH.
    case zeroExtendHalf(UInt8, UInt8)
    /// LDR and STR, up to 4095 to either side.
    case load(UInt8, UInt8, Int64)
    case store(UInt8, UInt8, Int64)
    /// STRD of a register with an even number and the next, [base].
    case storePair(UInt8, UInt8)
    case loadExclusive(UInt8, UInt8)
    /// STREX status, register, [base].
    case storeExclusive(UInt8, UInt8, UInt8)
    /// LDR relative to the instruction; to the program counter it is a branch that may change the set.
    case loadLiteral(UInt8, Int64)
    case branch(Condition, Int64)
    /// BLX to T32 code, 32 MiB.
    case branchLinkThumb(Int64)
    /// BX and BLX.
    case branchRegister(UInt8)
    case branchLinkRegister(UInt8)
}

extension A32StubInstruction {
    /// What the program counter reads as, from the instruction.
    private static let ahead: Int64 = 8

    /// Throws: what a field has no room for.
    public func encoded() throws(EncodingError) -> UInt32 {
        switch self {
        case .push(let list): return 0xe92d_0000 | UInt32(list)
        case .pop(let list): return 0xe8bd_0000 | UInt32(list)
        case .readThreadPointer(let to): return try 0xee1d_0f70 | Self.number(to) << 12
        case .readCounter(let low, let high): return try 0xec50_0f1e | Self.number(high) << 16 | Self.number(low) << 12
        case .addImmediate(let to, let from, let value): return try Self.data(0xe280_0000, to, from, Self.turned(value))
        case .subtractImmediate(let to, let from, let value):
            return try Self.data(0xe240_0000, to, from, Self.turned(value))
        case .negate(let to, let from): return try Self.data(0xe260_0000, to, from, 0)
        case .move(let to, let from): return try Self.data(0xe1a0_0000, to, 0, Self.number(from))
        case .moveImmediate(let to, let value): return try Self.data(0xe3a0_0000, to, 0, Self.turned(value))
        case .compare(let left, let right): return try Self.data(0xe150_0000, 0, left, Self.number(right))
        case .compareImmediate(let left, let value): return try Self.data(0xe350_0000, 0, left, Self.turned(value))
        case .compareNegative(let left, let right, let condition):
            return try Self.data(0x0170_0000 | condition.rawValue << 28, 0, left, Self.number(right))
        case .zeroExtendHalf(let to, let from): return try 0xe6ff_0070 | Self.number(to) << 12 | Self.number(from)
        default: return try encodedMemory()
        }
    }

    private func encodedMemory() throws(EncodingError) -> UInt32 {
        switch self {
        case .load(let a, let base, let offset): return try Self.memory(0xe410_0000, a, base, offset)
        case .store(let a, let base, let offset): return try Self.memory(0xe400_0000, a, base, offset)
        case .storePair(let a, let base):
            guard a % 2 == 0, a < 14 else { throw .tooLarge(Int64(a)) }
            return try Self.data(0xe1c0_00f0, a, base, 0)
        case .loadExclusive(let a, let base): return try Self.data(0xe190_0f9f, a, base, 0)
        case .storeExclusive(let status, let a, let base):
            return try Self.data(0xe180_0f90, status, base, Self.number(a))
        case .loadLiteral(let a, let distance): return try Self.memory(0xe410_0000, a, 15, distance - Self.ahead)
        case .branch(let condition, let distance):
            return try 0x0a00_0000 | condition.rawValue << 28 | .field(Self.counted(distance), unit: 4, bits: 24)
        case .branchLinkThumb(let distance):
            let field = try UInt32.field(Self.counted(distance), unit: 2, bits: 25)
            return 0xfa00_0000 | (field & 1) << 24 | field >> 1
        case .branchRegister(let a): return try 0xe12f_ff10 | Self.number(a)
        case .branchLinkRegister(let a): return try 0xe12f_ff30 | Self.number(a)
        default: preconditionFailure("an instruction without an encoding: \(self)")
        }
    }

    private static func counted(_ distance: Int64) throws(EncodingError) -> Int64 {
        let (counted, overflow) = distance.subtractingReportingOverflow(ahead)
        guard !overflow else { throw .outOfRange(distance: distance, reach: 1 << 25) }
        return counted
    }

    private static func number(_ register: UInt8) throws(EncodingError) -> UInt32 {
        guard register < 16 else { throw .tooLarge(Int64(register)) }
        return UInt32(register)
    }

    private static func data(
        _ opcode: UInt32, _ to: UInt8, _ from: UInt8, _ operand: UInt32
    ) throws(EncodingError) -> UInt32 {
        try opcode | number(from) << 16 | number(to) << 12 | operand
    }

    /// Eight bits turned right by an even number of places: the number of pairs of places, and the bits.
    private static func turned(_ value: UInt32) throws(EncodingError) -> UInt32 {
        for turn in UInt32(0)..<16 {
            let bits = turn == 0 ? value : value << (2 * turn) | value >> (32 - 2 * turn)
            if bits < 256 { return turn << 8 | bits }
        }
        throw .tooLarge(Int64(value))
    }

    /// LDR or STR with an offset: bit 24 indexes before, bit 23 adds.
    private static func memory(
        _ opcode: UInt32, _ a: UInt8, _ base: UInt8, _ offset: Int64
    ) throws(EncodingError) -> UInt32 {
        guard offset > -4096, offset < 4096 else { throw .tooLarge(offset) }
        return try data(opcode | 1 << 24 | (offset >= 0 ? 1 << 23 : 0), a, base, UInt32(abs(offset)))
    }

    /// As it stands in memory.
    public func encodedBytes() throws(EncodingError) -> [UInt8] { try encoded().littleEndianBytes }
}
