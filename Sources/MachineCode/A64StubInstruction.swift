/// The AArch64 instructions that stubs have besides those of sleds: loads, stores, arithmetic, system registers.
///
/// Shape:  one word, little-endian. Registers are numbers; 31 is the zero register, or the stack pointer where an
///         address or `addImmediate` says so.
/// Units:  offsets and distances in bytes.
/// Source: Arm Architecture Reference Manual (DDI 0487), C4 and C6.
public enum A64StubInstruction: Equatable, Hashable, Sendable {
    /// MRS to, TPIDR_EL0.
    case readThreadPointer(UInt8)
    /// MRS to, CNTVCT_EL0.
    case readCounter(UInt8)
    /// ADD and SUB of 12 bits, or of those 12 bits higher.
    case addImmediate(UInt8, UInt8, UInt32)
    case subtractImmediate(UInt8, UInt8, UInt32)
    /// SUB to, xzr, from.
    case negate(UInt8, UInt8)
    /// ORR to, xzr, from.
    case move(UInt8, UInt8)
    case compare(UInt8, UInt8)
    /// CMP left, right, LSR #bits.
    case compareShifted(UInt8, UInt8, bits: UInt8)
    /// CMN sp, register.
    case compareStackNegative(UInt8)
    /// TST register, with a mask of `count` ones from bit `from` on.
    case testMask(UInt8, from: UInt8, count: UInt8)
    /// LDR and STR of 64 bits, and of 32: a multiple of their size, not negative.
    case load(UInt8, UInt8, Int64)
    case store(UInt8, UInt8, Int64)
    case load32(UInt8, UInt8, Int64)
    /// LDUR and STUR of 64 bits, and STUR of 32: from -256 to 255.
    case loadUnscaled(UInt8, UInt8, Int64)
    case storeUnscaled(UInt8, UInt8, Int64)
    case storeUnscaled32(UInt8, UInt8, Int64)
    /// LDP and STP of 64 bits; STP of 32.
    case loadPair(UInt8, UInt8, UInt8, Int64)
    case storePair(UInt8, UInt8, UInt8, Int64)
    case storePair32(UInt8, UInt8, UInt8, Int64)
    /// LDP first, second, [sp], #offset.
    case loadPairPostIndex(UInt8, UInt8, offset: Int64)
    /// STR register, [sp, #offset]! and LDR register, [sp], #offset.
    case push(UInt8, offset: Int64)
    case pop(UInt8, offset: Int64)
    /// LDXR register, [base].
    case loadExclusive(UInt8, UInt8)
    /// STXR status, register, [base].
    case storeExclusive(UInt8, UInt8, UInt8)
    /// LDR of 32 and of 64 bits, relative to the instruction.
    case loadLiteral32(UInt8, Int64)
    case loadLiteral(UInt8, Int64)
    /// BR and BLR.
    case branchRegister(UInt8)
    case branchLinkRegister(UInt8)
}

extension A64StubInstruction {
    /// Opcodes with their fields empty, and which bits are no field.
    private enum Opcode {
        static let readThreadPointer = Pattern(0xd53b_d040, 0xffff_ffe0)
        static let readCounter = Pattern(0xd53b_e040, 0xffff_ffe0)
        static let addImmediate = Pattern(0x9100_0000, 0xff80_0000)
        static let subtractImmediate = Pattern(0xd100_0000, 0xff80_0000)
        static let negate = Pattern(0xcb00_03e0, 0xffe0_ffe0)
        static let move = Pattern(0xaa00_03e0, 0xffe0_ffe0)
        static let compare = Pattern(0xeb00_001f, 0xffe0_fc1f)
        static let compareShifted = Pattern(0xeb40_001f, 0xffe0_001f)
        static let compareStackNegative = Pattern(0xab20_63ff, 0xffe0_ffff)
        static let testMask = Pattern(0xf240_001f, 0xffc0_001f)
        static let load = Pattern(0xf940_0000, 0xffc0_0000)
        static let store = Pattern(0xf900_0000, 0xffc0_0000)
        static let load32 = Pattern(0xb940_0000, 0xffc0_0000)
        static let loadUnscaled = Pattern(0xf840_0000, 0xffe0_0c00)
        static let storeUnscaled = Pattern(0xf800_0000, 0xffe0_0c00)
        static let storeUnscaled32 = Pattern(0xb800_0000, 0xffe0_0c00)
        static let loadPair = Pattern(0xa940_0000, 0xffc0_0000)
        static let storePair = Pattern(0xa900_0000, 0xffc0_0000)
        static let storePair32 = Pattern(0x2900_0000, 0xffc0_0000)
        static let loadPairPostIndex = Pattern(0xa8c0_03e0, 0xffc0_03e0)
        static let push = Pattern(0xf800_0fe0, 0xffe0_0fe0)
        static let pop = Pattern(0xf840_07e0, 0xffe0_0fe0)
        static let loadExclusive = Pattern(0xc85f_7c00, 0xffff_fc00)
        static let storeExclusive = Pattern(0xc800_7c00, 0xffe0_fc00)
        static let loadLiteral32 = Pattern(0x1800_0000, 0xff00_0000)
        static let loadLiteral = Pattern(0x5800_0000, 0xff00_0000)
        static let branchRegister = Pattern(0xd61f_0000, 0xffff_fc1f)
        static let branchLinkRegister = Pattern(0xd63f_0000, 0xffff_fc1f)
    }

    private struct Pattern {
        let bits: UInt32
        let mask: UInt32

        init(_ bits: UInt32, _ mask: UInt32) {
            self.bits = bits
            self.mask = mask
        }

        func matches(_ word: UInt32) -> Bool { word & mask == bits }
    }

    /// Throws: what a field has no room for.
    public func encoded() throws(EncodingError) -> UInt32 {
        switch self {
        case .readThreadPointer(let to): return try Opcode.readThreadPointer.bits | Self.low(to)
        case .readCounter(let to): return try Opcode.readCounter.bits | Self.low(to)
        case .addImmediate(let to, let from, let value):
            return try Opcode.addImmediate.bits | Self.immediate(value) | Self.middle(from) | Self.low(to)
        case .subtractImmediate(let to, let from, let value):
            return try Opcode.subtractImmediate.bits | Self.immediate(value) | Self.middle(from) | Self.low(to)
        case .negate(let to, let from): return try Opcode.negate.bits | Self.high(from) | Self.low(to)
        case .move(let to, let from): return try Opcode.move.bits | Self.high(from) | Self.low(to)
        case .compare(let left, let right): return try Opcode.compare.bits | Self.high(right) | Self.middle(left)
        case .compareShifted(let left, let right, let bits):
            guard bits < 64 else { throw .tooLarge(Int64(bits)) }
            return try Opcode.compareShifted.bits | Self.high(right) | UInt32(bits) << 10 | Self.middle(left)
        case .compareStackNegative(let register): return try Opcode.compareStackNegative.bits | Self.high(register)
        case .testMask(let register, let from, let count):
            guard from < 64, count > 0, count < 64, from + count <= 64 else { throw .tooLarge(Int64(count)) }
            return try Opcode.testMask.bits | ((64 - UInt32(from)) % 64) << 16 | (UInt32(count) - 1) << 10
                | Self.middle(register)
        default: return try encodedMemory()
        }
    }

    private func encodedMemory() throws(EncodingError) -> UInt32 {
        switch self {
        case .load(let a, let base, let offset): return try Self.scaled(Opcode.load, a, base, offset, 8)
        case .store(let a, let base, let offset): return try Self.scaled(Opcode.store, a, base, offset, 8)
        case .load32(let a, let base, let offset): return try Self.scaled(Opcode.load32, a, base, offset, 4)
        case .loadUnscaled(let a, let base, let offset): return try Self.unscaled(Opcode.loadUnscaled, a, base, offset)
        case .storeUnscaled(let a, let base, let offset):
            return try Self.unscaled(Opcode.storeUnscaled, a, base, offset)
        case .storeUnscaled32(let a, let base, let offset):
            return try Self.unscaled(Opcode.storeUnscaled32, a, base, offset)
        case .loadPair(let a, let b, let base, let offset): return try Self.pair(Opcode.loadPair, a, b, base, offset, 8)
        case .storePair(let a, let b, let base, let offset):
            return try Self.pair(Opcode.storePair, a, b, base, offset, 8)
        case .storePair32(let a, let b, let base, let offset):
            return try Self.pair(Opcode.storePair32, a, b, base, offset, 4)
        case .loadPairPostIndex(let a, let b, let offset):
            return try Self.pair(Opcode.loadPairPostIndex, a, b, 31, offset, 8)
        case .push(let a, let offset): return try Self.unscaled(Opcode.push, a, 31, offset)
        case .pop(let a, let offset): return try Self.unscaled(Opcode.pop, a, 31, offset)
        case .loadExclusive(let a, let base): return try Opcode.loadExclusive.bits | Self.middle(base) | Self.low(a)
        case .storeExclusive(let status, let a, let base):
            return try Opcode.storeExclusive.bits | Self.high(status) | Self.middle(base) | Self.low(a)
        case .loadLiteral32(let a, let distance):
            return try Opcode.loadLiteral32.bits | .field(distance, unit: 4, bits: 19) << 5 | Self.low(a)
        case .loadLiteral(let a, let distance):
            return try Opcode.loadLiteral.bits | .field(distance, unit: 4, bits: 19) << 5 | Self.low(a)
        case .branchRegister(let a): return try Opcode.branchRegister.bits | Self.middle(a)
        case .branchLinkRegister(let a): return try Opcode.branchLinkRegister.bits | Self.middle(a)
        default: preconditionFailure("an instruction without an encoding: \(self)")
        }
    }

    private static func register(_ number: UInt8) throws(EncodingError) -> UInt32 {
        guard number < 32 else { throw .tooLarge(Int64(number)) }
        return UInt32(number)
    }

    private static func low(_ number: UInt8) throws(EncodingError) -> UInt32 { try register(number) }
    private static func middle(_ number: UInt8) throws(EncodingError) -> UInt32 { try register(number) << 5 }
    private static func high(_ number: UInt8) throws(EncodingError) -> UInt32 { try register(number) << 16 }

    /// Twelve bits, or twelve bits and twelve zeros.
    private static func immediate(_ value: UInt32) throws(EncodingError) -> UInt32 {
        if value < 4096 { return value << 10 }
        guard value % 4096 == 0, value < 4096 * 4096 else { throw .tooLarge(Int64(value)) }
        return 1 << 22 | (value / 4096) << 10
    }

    private static func scaled(
        _ pattern: Pattern, _ a: UInt8, _ base: UInt8, _ offset: Int64, _ size: Int64
    ) throws(EncodingError) -> UInt32 {
        guard offset >= 0, offset % size == 0, offset / size < 4096 else { throw .tooLarge(offset) }
        return try pattern.bits | UInt32(offset / size) << 10 | middle(base) | low(a)
    }

    private static func unscaled(
        _ pattern: Pattern, _ a: UInt8, _ base: UInt8, _ offset: Int64
    ) throws(EncodingError) -> UInt32 {
        try pattern.bits | UInt32.field(offset, unit: 1, bits: 9) << 12 | middle(base) | low(a)
    }

    private static func pair(
        _ pattern: Pattern, _ a: UInt8, _ b: UInt8, _ base: UInt8, _ offset: Int64, _ size: Int64
    ) throws(EncodingError) -> UInt32 {
        try pattern.bits | UInt32.field(offset, unit: size, bits: 7) << 15 | low(b) << 10 | middle(base) | low(a)
    }

    /// As it stands in memory.
    public func encodedBytes() throws(EncodingError) -> [UInt8] { try encoded().littleEndianBytes }
}
