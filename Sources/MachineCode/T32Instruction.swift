/// The Thumb-2 instructions that sleds, stubs and plans are made of.
///
/// Shape:  one or two halfwords, each little-endian, the first one at the lower address.
/// Units:  distances of branches count from the instruction's own address, in bytes; the encoding counts from 4
///         behind it.
/// Source: Arm Architecture Reference Manual ARMv7-A and ARMv7-R (DDI 0406), A6 and A8.
public enum T32Instruction: Equatable, Hashable, Sendable {
    case nop
    /// NOP.W.
    case nopWide
    /// BX lr.
    case ret
    /// PUSH {lr}.
    case pushLR
    /// B, 16 bits, 2 KiB to either side.
    case branch(Int64)
    /// B<c>, 16 bits, 256 bytes; the condition's number, below 14.
    case branchConditional(UInt8, Int64)
    /// B.W, 16 MiB.
    case branchWide(Int64)
    /// BL, as far.
    case branchLink(Int64)
    case breakpoint(UInt8)
    /// UDF, 16 bits.
    case undefined(UInt8)
    /// UDF.W.
    case undefinedWide(UInt16)
    case supervisorCall(UInt8)
    /// IT: the base condition's number, and the mask as it is encoded, not 0.
    case ifThen(UInt8, mask: UInt8)
}

extension T32Instruction {
    /// Opcodes with their fields empty.
    private enum Opcode {
        static let nop: UInt16 = 0xbf00
        static let ret: UInt16 = 0x4770
        static let pushLR: UInt16 = 0xb500
        static let branch: UInt16 = 0xe000
        static let branchConditional: UInt16 = 0xd000
        static let breakpoint: UInt16 = 0xbe00
        static let undefined: UInt16 = 0xde00
        static let supervisorCall: UInt16 = 0xdf00
        static let ifThen: UInt16 = 0xbf00
        static let nopWide: [UInt16] = [0xf3af, 0x8000]
        static let wide: UInt16 = 0xf000
        static let branchWide: UInt16 = 0x9000
        static let branchLink: UInt16 = 0xd000
        static let undefinedWide: [UInt16] = [0xf7f0, 0xa000]
    }

    /// What the program counter reads as, from the instruction.
    private static let ahead: Int64 = 4

    /// Throws: what a field has no room for.
    public func encoded() throws(EncodingError) -> [UInt16] {
        switch self {
        case .nop: return [Opcode.nop]
        case .nopWide: return Opcode.nopWide
        case .ret: return [Opcode.ret]
        case .pushLR: return [Opcode.pushLR]
        case .branch(let distance): return [try Opcode.branch | Self.field(distance, bits: 11)]
        case .branchConditional(let condition, let distance):
            guard condition < 14 else { throw .tooLarge(Int64(condition)) }
            return [try Opcode.branchConditional | UInt16(condition) << 8 | Self.field(distance, bits: 8)]
        case .branchWide(let distance): return try Self.wide(Opcode.branchWide, distance)
        case .branchLink(let distance): return try Self.wide(Opcode.branchLink, distance)
        case .breakpoint(let number): return [Opcode.breakpoint | UInt16(number)]
        case .undefined(let number): return [Opcode.undefined | UInt16(number)]
        case .undefinedWide(let number):
            return [Opcode.undefinedWide[0] | number >> 12, Opcode.undefinedWide[1] | number & 0xfff]
        case .supervisorCall(let number): return [Opcode.supervisorCall | UInt16(number)]
        case .ifThen(let condition, let mask):
            guard condition < 15, mask > 0, mask < 16 else { throw .tooLarge(Int64(condition) << 4 | Int64(mask)) }
            return [Opcode.ifThen | UInt16(condition) << 4 | UInt16(mask)]
        }
    }

    private static func counted(_ distance: Int64) throws(EncodingError) -> Int64 {
        let (counted, overflow) = distance.subtractingReportingOverflow(ahead)
        guard !overflow else { throw .outOfRange(distance: distance, reach: 1 << 24) }
        return counted
    }

    private static func field(_ distance: Int64, bits: Int64) throws(EncodingError) -> UInt16 {
        UInt16(truncatingIfNeeded: try UInt32.field(counted(distance), unit: 2, bits: bits))
    }

    /// S:I1:I2:imm10:imm11 with J = NOT(I) XOR S.
    private static func wide(_ opcode: UInt16, _ distance: Int64) throws(EncodingError) -> [UInt16] {
        let field = try UInt32.field(counted(distance), unit: 2, bits: 24)
        let sign = field >> 23 & 1
        let (j1, j2) = (~(field >> 22) & 1 ^ sign, ~(field >> 21) & 1 ^ sign)
        return [
            Opcode.wide | UInt16(sign << 10 | field >> 11 & 0x3ff),
            opcode | UInt16(j1 << 13 | j2 << 11 | field & 0x7ff),
        ]
    }

    /// As it stands in memory.
    public func encodedBytes() throws(EncodingError) -> [UInt8] {
        try encoded().flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
    }

    /// Whether an instruction that begins with this halfword has 32 bits.
    ///
    /// Source: ARMv7-A and ARMv7-R manual, A6.1: 0b11101, 0b11110, 0b11111.
    public static func isWide(_ first: UInt16) -> Bool { first >> 11 >= 0b11101 }

    /// One or two halfwords, as many as the first one says; nil for what is none of these.
    public init?(decoding halfwords: [UInt16]) {
        guard let first = halfwords.first else { return nil }
        if Self.isWide(first) {
            guard halfwords.count == 2 else { return nil }
            self.init(wide: first, halfwords[1])
        } else {
            guard halfwords.count == 1 else { return nil }
            self.init(narrow: first)
        }
    }

    private init?(narrow halfword: UInt16) {
        let low = UInt8(halfword & 0xff)
        switch halfword {
        case Opcode.nop: self = .nop
        case Opcode.ret: self = .ret
        case Opcode.pushLR: self = .pushLR
        case _ where halfword >> 11 == Opcode.branch >> 11:
            self = .branch(UInt32(halfword).distance(unit: 2, bits: 11) + Self.ahead)
        case _ where halfword >> 8 == Opcode.breakpoint >> 8: self = .breakpoint(low)
        case _ where halfword >> 8 == Opcode.undefined >> 8: self = .undefined(low)
        case _ where halfword >> 8 == Opcode.supervisorCall >> 8: self = .supervisorCall(low)
        case _ where halfword >> 12 == Opcode.branchConditional >> 12:
            self = .branchConditional(
                UInt8(halfword >> 8 & 15), UInt32(halfword).distance(unit: 2, bits: 8) + Self.ahead)
        case _ where halfword >> 8 == Opcode.ifThen >> 8 && low & 15 != 0 && low >> 4 < 15:
            self = .ifThen(low >> 4, mask: low & 15)
        default: return nil
        }
    }

    private init?(wide first: UInt16, _ second: UInt16) {
        if [first, second] == Opcode.nopWide {
            self = .nopWide
        } else if first & 0xfff0 == Opcode.undefinedWide[0] && second & 0xf000 == Opcode.undefinedWide[1] {
            self = .undefinedWide(first << 12 | second & 0xfff)
        } else if first & 0xf800 == Opcode.wide && [Opcode.branchWide, Opcode.branchLink].contains(second & 0xd000) {
            let sign = UInt32(first >> 10 & 1)
            let (i1, i2) = (~(UInt32(second >> 13) ^ sign) & 1, ~(UInt32(second >> 11) ^ sign) & 1)
            let field = sign << 23 | i1 << 22 | i2 << 21 | UInt32(first & 0x3ff) << 11 | UInt32(second & 0x7ff)
            let distance = field.distance(unit: 2, bits: 24) + Self.ahead
            self = second & 0xd000 == Opcode.branchWide ? .branchWide(distance) : .branchLink(distance)
        } else {
            return nil
        }
    }

    /// For each instruction that an IT covers, whether it has the base condition (`then`) or the opposite one.
    ///
    /// Source: ARMv7-A and ARMv7-R manual, A8.8.54: the lowest bit that is set ends the list.
    public static func pattern(ofIT condition: UInt8, mask: UInt8) -> [Bool] {
        guard mask & 15 != 0 else { return [] }
        let count = 4 - (mask & 15).trailingZeroBitCount
        return [true] + (1..<max(1, count)).map { mask >> UInt8(4 - $0) & 1 == condition & 1 }
    }

    /// Whether the architecture lets a halfword that is an instruction of its own be replaced, by another of these,
    /// while other cores execute it: B, NOP, BKPT, SVC, all of 16 bits. Nothing of 32 bits may be.
    ///
    /// Source: ARMv7-A and ARMv7-R manual, A3.5.4. It says "the 16-bit B": taken as the one without a condition.
    public static func mayBeModifiedConcurrently(_ halfword: UInt16) -> Bool {
        guard !isWide(halfword) else { return false }
        switch T32Instruction(narrow: halfword) {
        case .nop, .branch, .breakpoint, .supervisorCall: return true
        default: return false
        }
    }
}
