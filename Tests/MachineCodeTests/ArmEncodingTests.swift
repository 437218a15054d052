import Disassembly
import MachineCode
import Testing

/// Capstone reads back what we encode, and we read back every branch.
@Suite struct ArmEncodingTests {
    /// The one instruction that capstone finds, with branch targets from address 0x10000000.
    private func text(_ bytes: [UInt8], _ isa: InstructionSet) throws -> String {
        let disassembler = try #require(Disassembler(isa))
        let found = disassembler.decode(bytes, at: Self.base)
        try #require(found.count == 1)
        #expect(found[0].byteCount == bytes.count)
        return found[0].text
    }

    private static let base: UInt64 = 0x1000_0000
    private func target(_ distance: Int64) -> String {
        "#0x" + String(Self.base &+ UInt64(bitPattern: distance), radix: 16)
    }

    @Test(arguments: [
        (A64Instruction.nop, "nop"), (.isb, "isb"), (.ret, "ret"), (.paciasp, "paciasp"), (.branchTarget, "bti c"),
        (.breakpoint(0xabcd), "brk #0xabcd"), (.supervisorCall(7), "svc #0x7"),
        (.hypervisorCall(0xffff), "hvc #0xffff"),
        (.secureMonitorCall(1), "smc #0x1"), (.storePairPreIndex(29, 30, offset: -16), "stp x29, x30, [sp, #-0x10]!"),
        (.storePairPreIndex(19, 20, offset: 504), "stp x19, x20, [sp, #0x1f8]!"),
        (.storePairPreIndex(0, 1, offset: -512), "stp x0, x1, [sp, #-0x200]!"),
    ])
    func a64(_ instruction: A64Instruction, _ expected: String) throws {
        let text = try text(instruction.encodedBytes(), .a64)
        #expect(text == expected || text.hasPrefix("hint") && [.paciasp, .branchTarget].contains(instruction))
        #expect(A64Instruction(decoding: try instruction.encoded()) == instruction)
    }

    @Test(arguments: [
        (A32Instruction.nop, "nop"), (.moveNop, "mov r0, r0"), (.ret, "bx lr"), (.pushLR, "str lr, [sp, #-4]!"),
        (.breakpoint(0xabcd), "bkpt #0xabcd"), (.undefined(0x1234), "udf #0x1234"),
        (.supervisorCall(0xabcdef), "svc #0xabcdef"),
        (.hypervisorCall(0x1234), "hvc #0x1234"), (.secureMonitorCall(15), "smc #0xf"),
    ])
    func a32(_ instruction: A32Instruction, _ expected: String) throws {
        let text = try text(instruction.encodedBytes(), .a32)
        #expect(text == expected || instruction == .pushLR && text == "push {lr}")
        #expect(A32Instruction(decoding: try instruction.encoded()) == instruction)
    }

    @Test(arguments: [
        (T32Instruction.nop, "nop"), (.nopWide, "nop.w"), (.ret, "bx lr"), (.pushLR, "push {lr}"),
        (.breakpoint(0xab), "bkpt #0xab"), (.undefined(0x12), "udf #0x12"), (.undefinedWide(0x1234), "udf.w #0x1234"),
        (.supervisorCall(9), "svc #9"), (.ifThen(0, mask: 8), "it eq"), (.ifThen(1, mask: 4), "ite ne"),
        (.ifThen(0, mask: 4), "itt eq"),
    ])
    func t32(_ instruction: T32Instruction, _ expected: String) throws {
        #expect(try text(instruction.encodedBytes(), .t32) == expected)
        #expect(T32Instruction(decoding: try instruction.encoded()) == instruction)
    }

    /// Every distance of the short branches, and of the long ones in steps that hit every bit.
    private func distances(_ reach: Int64, unit: Int64) -> [Int64] {
        let step = reach > 1 << 16 ? (reach / 4099 / unit + 1) * unit : unit
        let bits = (0..<40).map { Int64(1) << $0 }.filter { $0 < reach && $0 % unit == 0 }
        return Array(stride(from: -reach, to: reach, by: Int64.Stride(step))) + bits + bits.map { -$0 } + [reach - unit]
    }

    @Test func a64Branches() throws {
        for distance in distances(1 << 27, unit: 4) {
            for (branch, name) in [(A64Instruction.branch(distance), "b"), (.branchLink(distance), "bl")] {
                #expect(try text(branch.encodedBytes(), .a64) == "\(name) \(target(distance))")
                #expect(A64Instruction(decoding: try branch.encoded()) == branch)
            }
        }
        for distance in distances(1 << 20, unit: 4) {
            let conditional = A64Instruction.branchConditional(1, distance)
            #expect(try text(conditional.encodedBytes(), .a64) == "b.ne \(target(distance))")
            #expect(A64Instruction(decoding: try conditional.encoded()) == conditional)
            let compare = A64Instruction.compareBranch(isZero: false, register: 19, distance)
            #expect(try text(compare.encodedBytes(), .a64) == "cbnz x19, \(target(distance))")
            #expect(A64Instruction(decoding: try compare.encoded()) == compare)
        }
        for distance in distances(1 << 15, unit: 4) {
            let test = A64Instruction.testBranch(isZero: true, register: 3, bit: 37, distance)
            #expect(try text(test.encodedBytes(), .a64) == "tbz x3, #0x25, \(target(distance))")
            #expect(A64Instruction(decoding: try test.encoded()) == test)
        }
    }

    @Test func a32Branches() throws {
        for distance in distances(1 << 25, unit: 4).map({ $0 + 8 }) {
            for (branch, name) in [(A32Instruction.branch(distance), "b"), (.branchLink(distance), "bl")] {
                #expect(try text(branch.encodedBytes(), .a32) == "\(name) \(target(distance))")
                #expect(A32Instruction(decoding: try branch.encoded()) == branch)
            }
        }
    }

    @Test func t32Branches() throws {
        for distance in distances(1 << 24, unit: 2).map({ $0 + 4 }) {
            for (branch, name) in [(T32Instruction.branchWide(distance), "b.w"), (.branchLink(distance), "bl")] {
                #expect(try text(branch.encodedBytes(), .t32) == "\(name) \(target(distance))")
                #expect(T32Instruction(decoding: try branch.encoded()) == branch)
            }
        }
        for distance in distances(1 << 11, unit: 2).map({ $0 + 4 }) {
            let branch = T32Instruction.branch(distance)
            #expect(try text(branch.encodedBytes(), .t32) == "b \(target(distance))")
            #expect(T32Instruction(decoding: try branch.encoded()) == branch)
        }
        for distance in distances(1 << 8, unit: 2).map({ $0 + 4 }) {
            let branch = T32Instruction.branchConditional(1, distance)
            #expect(try text(branch.encodedBytes(), .t32) == "bne \(target(distance))")
            #expect(T32Instruction(decoding: try branch.encoded()) == branch)
        }
    }

    /// Our own reading of every distance, where there are millions.
    @Test func everyLongBranchComesBack() throws {
        for field in stride(from: UInt32(0), to: 1 << 24, by: 3) {
            let a32 = try #require(A32Instruction(decoding: 0xea00_0000 | field))
            guard try a32.encoded() == 0xea00_0000 | field else { return #expect(Bool(false), "\(field)") }
            let a64 = try #require(A64Instruction(decoding: 0x1400_0000 | field << 2))
            guard try a64.encoded() == 0x1400_0000 | field << 2 else { return #expect(Bool(false), "\(field)") }
        }
    }

    @Test func whatIsTooFar() {
        #expect(throws: EncodingError.outOfRange(distance: 1 << 27, reach: 1 << 27)) {
            try A64Instruction.branch(1 << 27).encoded()
        }
        #expect(throws: EncodingError.misaligned(distance: 6)) { try A64Instruction.branch(6).encoded() }
        #expect(throws: EncodingError.self) { try A64Instruction.branch(-(1 << 27) - 4).encoded() }
        #expect(throws: EncodingError.self) { try A32Instruction.branch(1 << 25 + 8).encoded() }
        #expect(throws: EncodingError.self) { try A32Instruction.branch(-(1 << 25) + 4).encoded() }
        #expect(throws: EncodingError.self) { try A32Instruction.branch(.min).encoded() }
        #expect(throws: EncodingError.self) { try T32Instruction.branch(2052).encoded() }
        #expect(throws: EncodingError.self) { try T32Instruction.branch(-2046).encoded() }
        #expect(throws: EncodingError.misaligned(distance: 1)) { try T32Instruction.branch(5).encoded() }
        #expect(throws: EncodingError.self) { try T32Instruction.branchWide(1 << 24 + 4).encoded() }
        #expect(throws: EncodingError.self) { try T32Instruction.branchWide(.min).encoded() }
        #expect(throws: EncodingError.tooLarge(32)) {
            try A64Instruction.compareBranch(isZero: true, register: 32, 0).encoded()
        }
    }

    @Test func patternsOfIT() {
        #expect(T32Instruction.pattern(ofIT: 0, mask: 8) == [true])
        #expect(T32Instruction.pattern(ofIT: 0, mask: 4) == [true, true])
        #expect(T32Instruction.pattern(ofIT: 0, mask: 0xc) == [true, false])
        #expect(T32Instruction.pattern(ofIT: 1, mask: 4) == [true, false])
        #expect(T32Instruction.pattern(ofIT: 1, mask: 0xf) == [true, true, true, true])
        #expect(T32Instruction.pattern(ofIT: 1, mask: 0).isEmpty)
    }

    /// The list of Arm ARM B2.2.5 and of the ARMv7 manual's A3.5.4, and what people take to be on it.
    @Test func whatMayBeReplacedWhileItRuns() {
        let a64: [UInt32] = [
            0xd503_201f, 0x1400_0001, 0x9400_0001, 0x5400_0020, 0xb400_0020, 0x3500_0020, 0x3600_0020, 0xb700_0020,
            0xd420_0000, 0xd400_0001, 0xd400_0002, 0xd400_0003, 0xd503_3fdf,
        ]
        for word in a64 { #expect(A64Instruction.mayBeModifiedConcurrently(word), "\(String(word, radix: 16))") }
        // stp, mov, bti c, paciasp, br, ret, blr, dsb, yield, hlt
        for word: UInt32 in [
            0xa9bf_7bfd, 0xaa01_03e0, 0xd503_245f, 0xd503_233f, 0xd61f_0000, 0xd65f_03c0, 0xd63f_0000, 0xd503_3b9f,
            0xd503_203f, 0xd440_0000,
        ] { #expect(!A64Instruction.mayBeModifiedConcurrently(word), "\(String(word, radix: 16))") }
        for word: UInt32 in [
            0xe320_f000, 0x0320_f000, 0xea00_0000, 0x1a00_0000, 0xeb00_0000, 0xe120_0070, 0xef00_0000, 0xe140_0070,
            0xe160_0070,
        ] { #expect(A32Instruction.mayBeModifiedConcurrently(word), "\(String(word, radix: 16))") }
        // blx imm, mov r0, r0, push, udf, bx lr
        for word: UInt32 in [0xfa00_0000, 0xe1a0_0000, 0xe52d_e004, 0xe7f0_00f0, 0xe12f_ff1e] {
            #expect(!A32Instruction.mayBeModifiedConcurrently(word), "\(String(word, radix: 16))")
        }
        for halfword: UInt16 in [0xbf00, 0xe001, 0xbe00, 0xdf00] {
            #expect(T32Instruction.mayBeModifiedConcurrently(halfword), "\(String(halfword, radix: 16))")
        }
        // b.w, nop.w, bl, b<c>, udf, push, it, yield
        for halfword: UInt16 in [0xf000, 0xf3af, 0xf7ff, 0xd101, 0xde00, 0xb500, 0xbf08, 0xbf10] {
            #expect(!T32Instruction.mayBeModifiedConcurrently(halfword), "\(String(halfword, radix: 16))")
        }
    }
}
