/// The A32 instructions that sleds, stubs and plans are made of, their condition always.
///
/// Shape:  one word, little-endian.
/// Units:  distances of branches count from the instruction's own address, in bytes; the encoding counts from 8
///         behind it.
/// Source: Arm Architecture Reference Manual ARMv7-A and ARMv7-R (DDI 0406), A5 and A8.
public enum A32Instruction: Equatable, Hashable, Sendable {
    case nop
    /// MOV r0, r0: a NOP before ARMv6K.
    case moveNop
    /// BX lr.
    case ret
    /// PUSH {lr}.
    case pushLR
    /// B, 32 MiB to either side.
    case branch(Int64)
    /// BL, as far.
    case branchLink(Int64)
    case breakpoint(UInt16)
    /// UDF.
    case undefined(UInt16)
    case supervisorCall(UInt32)
    case hypervisorCall(UInt16)
    /// SMC, four bits.
    case secureMonitorCall(UInt8)
}

extension A32Instruction {
    /// Opcodes with their fields empty.
    private enum Opcode {
        static let nop: UInt32 = 0xe320_f000
        static let moveNop: UInt32 = 0xe1a0_0000
        static let ret: UInt32 = 0xe12f_ff1e
        static let pushLR: UInt32 = 0xe52d_e004
        static let branch: UInt32 = 0xea00_0000
        static let branchLink: UInt32 = 0xeb00_0000
        static let breakpoint: UInt32 = 0xe120_0070
        static let undefined: UInt32 = 0xe7f0_00f0
        static let supervisorCall: UInt32 = 0xef00_0000
        static let hypervisorCall: UInt32 = 0xe140_0070
        static let secureMonitorCall: UInt32 = 0xe160_0070
    }

    /// What the program counter reads as, from the instruction.
    private static let ahead: Int64 = 8

    /// Throws: what a field has no room for.
    public func encoded() throws(EncodingError) -> UInt32 {
        switch self {
        case .nop: return Opcode.nop
        case .moveNop: return Opcode.moveNop
        case .ret: return Opcode.ret
        case .pushLR: return Opcode.pushLR
        case .branch(let distance): return try Opcode.branch | Self.field(distance)
        case .branchLink(let distance): return try Opcode.branchLink | Self.field(distance)
        case .breakpoint(let number): return Opcode.breakpoint | Self.split(number)
        case .undefined(let number): return Opcode.undefined | Self.split(number)
        case .hypervisorCall(let number): return Opcode.hypervisorCall | Self.split(number)
        case .supervisorCall(let number):
            guard number < 1 << 24 else { throw .tooLarge(Int64(number)) }
            return Opcode.supervisorCall | number
        case .secureMonitorCall(let number):
            guard number < 16 else { throw .tooLarge(Int64(number)) }
            return Opcode.secureMonitorCall | UInt32(number)
        }
    }

    private static func field(_ distance: Int64) throws(EncodingError) -> UInt32 {
        let (counted, overflow) = distance.subtractingReportingOverflow(ahead)
        guard !overflow else { throw .outOfRange(distance: distance, reach: 1 << 25) }
        return try .field(counted, unit: 4, bits: 24)
    }

    /// Sixteen bits: twelve above the lowest byte, four in it.
    private static func split(_ number: UInt16) -> UInt32 { UInt32(number >> 4) << 8 | UInt32(number & 15) }
    private static func joined(_ word: UInt32) -> UInt16 { UInt16(word >> 8 & 0xfff) << 4 | UInt16(word & 15) }

    /// As it stands in memory.
    public func encodedBytes() throws(EncodingError) -> [UInt8] { try encoded().littleEndianBytes }

    /// Nil for what is none of these.
    public init?(decoding word: UInt32) {
        switch word {
        case Opcode.nop: self = .nop
        case Opcode.moveNop: self = .moveNop
        case Opcode.ret: self = .ret
        case Opcode.pushLR: self = .pushLR
        case _ where word & 0xff00_0000 == Opcode.branch:
            self = .branch(word.distance(unit: 4, bits: 24) + Self.ahead)
        case _ where word & 0xff00_0000 == Opcode.branchLink:
            self = .branchLink(word.distance(unit: 4, bits: 24) + Self.ahead)
        case _ where word & 0xfff0_00f0 == Opcode.breakpoint: self = .breakpoint(Self.joined(word))
        case _ where word & 0xfff0_00f0 == Opcode.undefined: self = .undefined(Self.joined(word))
        case _ where word & 0xfff0_00f0 == Opcode.hypervisorCall: self = .hypervisorCall(Self.joined(word))
        case _ where word & 0xff00_0000 == Opcode.supervisorCall: self = .supervisorCall(word & 0xff_ffff)
        case _ where word & 0xffff_fff0 == Opcode.secureMonitorCall: self = .secureMonitorCall(UInt8(word & 15))
        default: return nil
        }
    }

    /// Whether the architecture lets a word be replaced, by another of these, while other cores execute it: B, BL,
    /// NOP, BKPT, SVC, HVC, SMC with any condition; not BLX to an immediate.
    ///
    /// Source: ARMv7-A and ARMv7-R manual, A3.5.4.
    public static func mayBeModifiedConcurrently(_ word: UInt32) -> Bool {
        let hasCondition = word >> 28 != 15
        guard hasCondition else { return false }
        switch A32Instruction(decoding: word & 0x0fff_ffff | 0xe000_0000) {
        case .nop, .branch, .branchLink, .breakpoint, .supervisorCall, .hypervisorCall, .secureMonitorCall: return true
        case .moveNop, .ret, .pushLR, .undefined, nil: return false
        }
    }
}
