/// The AArch64 instructions that sleds, stubs and plans are made of.
///
/// Shape:  one word, little-endian.
/// Units:  distances of branches count from the instruction's own address, in bytes.
/// Source: Arm Architecture Reference Manual (DDI 0487), C4 and C6.
public enum A64Instruction: Equatable, Hashable, Sendable {
    case nop
    case isb
    /// RET to x30.
    case ret
    /// PACIASP.
    case paciasp
    /// BTI c.
    case branchTarget
    /// B, 128 MiB to either side.
    case branch(Int64)
    /// BL, as far.
    case branchLink(Int64)
    /// B.cond, 1 MiB; the condition's number.
    case branchConditional(UInt8, Int64)
    /// CBZ and CBNZ of a 64-bit register, 1 MiB.
    case compareBranch(isZero: Bool, register: UInt8, Int64)
    /// TBZ and TBNZ, 32 KiB; which bit.
    case testBranch(isZero: Bool, register: UInt8, bit: UInt8, Int64)
    case breakpoint(UInt16)
    case supervisorCall(UInt16)
    case hypervisorCall(UInt16)
    case secureMonitorCall(UInt16)
    /// STP first, second, [sp, #offset]! with a multiple of 8 from -512 to 504.
    case storePairPreIndex(UInt8, UInt8, offset: Int64)
}

extension A64Instruction {
    /// Opcodes with their fields empty.
    private enum Opcode {
        static let nop: UInt32 = 0xd503_201f
        static let isb: UInt32 = 0xd503_3fdf
        static let ret: UInt32 = 0xd65f_03c0
        static let paciasp: UInt32 = 0xd503_233f
        static let branchTarget: UInt32 = 0xd503_245f
        static let branch: UInt32 = 0x1400_0000
        static let branchLink: UInt32 = 0x9400_0000
        static let branchConditional: UInt32 = 0x5400_0000
        static let compareBranchZero: UInt32 = 0xb400_0000
        static let testBranchZero: UInt32 = 0x3600_0000
        /// CBNZ and TBNZ.
        static let notZero: UInt32 = 0x0100_0000
        static let breakpoint: UInt32 = 0xd420_0000
        static let supervisorCall: UInt32 = 0xd400_0001
        static let hypervisorCall: UInt32 = 0xd400_0002
        static let secureMonitorCall: UInt32 = 0xd400_0003
        static let storePair: UInt32 = 0xa980_03e0
    }

    /// Throws: what a field has no room for.
    public func encoded() throws(EncodingError) -> UInt32 {
        switch self {
        case .nop: return Opcode.nop
        case .isb: return Opcode.isb
        case .ret: return Opcode.ret
        case .paciasp: return Opcode.paciasp
        case .branchTarget: return Opcode.branchTarget
        case .branch(let distance): return try Opcode.branch | .field(distance, unit: 4, bits: 26)
        case .branchLink(let distance): return try Opcode.branchLink | .field(distance, unit: 4, bits: 26)
        case .branchConditional(let condition, let distance):
            return try Opcode.branchConditional | UInt32.field(distance, unit: 4, bits: 19) << 5
                | Self.number(condition, 15)
        case .compareBranch(let isZero, let register, let distance):
            return try Opcode.compareBranchZero | (isZero ? 0 : Opcode.notZero)
                | UInt32.field(distance, unit: 4, bits: 19) << 5 | Self.number(register, 31)
        case .testBranch(let isZero, let register, let bit, let distance):
            let place = try Self.number(bit, 63)
            return try Opcode.testBranchZero | (isZero ? 0 : Opcode.notZero) | (place & 0x20) << 26 | (place & 0x1f)
                << 19
                | UInt32.field(distance, unit: 4, bits: 14) << 5 | Self.number(register, 31)
        case .breakpoint(let number): return Opcode.breakpoint | UInt32(number) << 5
        case .supervisorCall(let number): return Opcode.supervisorCall | UInt32(number) << 5
        case .hypervisorCall(let number): return Opcode.hypervisorCall | UInt32(number) << 5
        case .secureMonitorCall(let number): return Opcode.secureMonitorCall | UInt32(number) << 5
        case .storePairPreIndex(let first, let second, let offset):
            return try Opcode.storePair | UInt32.field(offset, unit: 8, bits: 7) << 15 | Self.number(second, 31) << 10
                | Self.number(first, 31)
        }
    }

    private static func number(_ value: UInt8, _ limit: UInt8) throws(EncodingError) -> UInt32 {
        guard value <= limit else { throw .tooLarge(Int64(value)) }
        return UInt32(value)
    }

    /// As it stands in memory.
    public func encodedBytes() throws(EncodingError) -> [UInt8] { try encoded().littleEndianBytes }

    /// Nil for what is none of these.
    public init?(decoding word: UInt32) {
        let register = UInt8(word & 31)
        switch word {
        case Opcode.nop: self = .nop
        case Opcode.isb: self = .isb
        case Opcode.ret: self = .ret
        case Opcode.paciasp: self = .paciasp
        case Opcode.branchTarget: self = .branchTarget
        case _ where word & 0xfc00_0000 == Opcode.branch: self = .branch(word.distance(unit: 4, bits: 26))
        case _ where word & 0xfc00_0000 == Opcode.branchLink: self = .branchLink(word.distance(unit: 4, bits: 26))
        case _ where word & 0xff00_0010 == Opcode.branchConditional:
            self = .branchConditional(UInt8(word & 15), (word >> 5).distance(unit: 4, bits: 19))
        case _ where word & 0xfe00_0000 == Opcode.compareBranchZero:
            self = .compareBranch(
                isZero: word & Opcode.notZero == 0, register: register, (word >> 5).distance(unit: 4, bits: 19))
        case _ where word & 0x7e00_0000 == Opcode.testBranchZero:
            self = .testBranch(
                isZero: word & Opcode.notZero == 0, register: register,
                bit: UInt8(word >> 26 & 0x20 | word >> 19 & 0x1f), (word >> 5).distance(unit: 4, bits: 14))
        case _ where word & 0xffe0_001f == Opcode.breakpoint: self = .breakpoint(UInt16(word >> 5 & 0xffff))
        case _ where word & 0xffe0_001f == Opcode.supervisorCall: self = .supervisorCall(UInt16(word >> 5 & 0xffff))
        case _ where word & 0xffe0_001f == Opcode.hypervisorCall: self = .hypervisorCall(UInt16(word >> 5 & 0xffff))
        case _ where word & 0xffe0_001f == Opcode.secureMonitorCall:
            self = .secureMonitorCall(UInt16(word >> 5 & 0xffff))
        case _ where word & 0xffc0_03e0 == Opcode.storePair:
            self = .storePairPreIndex(
                register, UInt8(word >> 10 & 31), offset: (word >> 15).distance(unit: 8, bits: 7))
        default: return nil
        }
    }

    /// Whether the architecture lets a word be replaced, by another of these, while other cores execute it.
    ///
    /// Source: Arm ARM B2.2.5: B, B.cond, BL, BRK, CBZ, CBNZ, HVC, ISB, NOP, SMC, SVC, TBZ, TBNZ.
    public static func mayBeModifiedConcurrently(_ word: UInt32) -> Bool {
        switch A64Instruction(decoding: word) {
        case .nop, .isb, .branch, .branchLink, .branchConditional, .compareBranch, .testBranch, .breakpoint,
            .supervisorCall, .hypervisorCall, .secureMonitorCall:
            return true
        case .ret, .paciasp, .branchTarget, .storePairPreIndex: return false
        // CBZ and CBNZ of a 32-bit register; ISB with another option.
        case nil: return word & 0x7e00_0000 == 0x3400_0000 || word & 0xffff_f0ff == 0xd503_30df
        }
    }
}
