import Disassembly
import MachineCode
import Testing

/// Capstone reads back what stubs are made of.
@Suite struct ArmStubEncodingTests {
    private func text(_ bytes: [UInt8], _ isa: InstructionSet) throws -> String {
        let disassembler = try #require(Disassembler(isa))
        let found = disassembler.decode(bytes, at: 0x1000_0000)
        try #require(found.count == 1 && found[0].byteCount == bytes.count)
        return found[0].text
    }

    @Test(arguments: [
        (A64StubInstruction.readThreadPointer(16), "mrs x16, tpidr_el0"), (.readCounter(15), "mrs x15, cntvct_el0"),
        (.addImmediate(16, 16, 152), "add x16, x16, #0x98"), (.addImmediate(16, 31, 0), "mov x16, sp"),
        (.addImmediate(1, 2, 0x7000), "add x1, x2, #7, lsl #12"),
        (.subtractImmediate(19, 17, 32), "sub x19, x17, #0x20"),
        (.negate(16, 17), "neg x16, x17"), (.move(17, 19), "mov x17, x19"), (.compare(17, 19), "cmp x17, x19"),
        (.compareShifted(14, 15, bits: 32), "cmp x14, x15, lsr #32"), (.compareStackNegative(17), "cmn sp, x17"),
        (.testMask(17, from: 7, count: 9), "tst x17, #0xff80"), (.load(17, 16, 16), "ldr x17, [x16, #0x10]"),
        (.load(1, 31, 32760), "ldr x1, [sp, #0x7ff8]"), (.store(31, 17, 16), "str xzr, [x17, #0x10]"),
        (.load32(14, 16, 8), "ldr w14, [x16, #8]"), (.loadUnscaled(17, 17, -16), "ldur x17, [x17, #-0x10]"),
        (.storeUnscaled(16, 17, -16), "stur x16, [x17, #-0x10]"),
        (.storeUnscaled32(16, 17, -8), "stur w16, [x17, #-8]"),
        (.loadPair(30, 19, 17, 0), "ldp x30, x19, [x17]"), (.storePair(30, 19, 17, -32), "stp x30, x19, [x17, #-0x20]"),
        (.storePair32(15, 14, 17, 0), "stp w15, w14, [x17]"),
        (.loadPairPostIndex(14, 15, offset: 16), "ldp x14, x15, [sp], #0x10"),
        (.push(15, offset: -16), "str x15, [sp, #-0x10]!"), (.pop(15, offset: 16), "ldr x15, [sp], #0x10"),
        (.loadExclusive(17, 16), "ldxr x17, [x16]"), (.storeExclusive(14, 15, 16), "stxr w14, x15, [x16]"),
        (.loadLiteral32(14, 64), "ldr w14, #0x10000040"), (.loadLiteral(15, -64), "ldr x15, #0xfffffc0"),
        (.branchRegister(15), "br x15"), (.branchLinkRegister(16), "blr x16"),
    ])
    func a64(_ instruction: A64StubInstruction, _ expected: String) throws {
        let text = try text(instruction.encodedBytes(), .a64)
        #expect(text == expected)
    }

    @Test(arguments: [
        (A32StubInstruction.push(0x500f), "push {r0, r1, r2, r3, ip, lr}"), (.pop(0x000f), "pop {r0, r1, r2, r3}"),
        (.readThreadPointer(0), "mrc p15, #0, r0, c13, c0, #3"),
        (.readCounter(low: 2, high: 3), "mrrc p15, #1, r2, r3, c14"), (.addImmediate(0, 0, 8), "add r0, r0, #8"),
        (.addImmediate(0, 0, 0x7f00), "add r0, r0, #0x7f00"), (.subtractImmediate(1, 1, 32), "sub r1, r1, #0x20"),
        (.negate(2, 2), "rsb r2, r2, #0"), (.move(4, 1), "mov r4, r1"), (.moveImmediate(1, 0), "mov r1, #0"),
        (.compare(1, 4), "cmp r1, r4"), (.compareImmediate(2, 128), "cmp r2, #0x80"),
        (.compareNegative(1, 2, .always), "cmn r1, r2"), (.compareNegative(2, 3, .equal), "cmneq r2, r3"),
        (.zeroExtendHalf(2, 1), "uxth r2, r1"), (.load(1, 0, 16), "ldr r1, [r0, #0x10]"),
        (.load(1, 1, -16), "ldr r1, [r1, #-0x10]"), (.store(2, 1, 4095), "str r2, [r1, #0xfff]"),
        (.storePair(2, 1), "strd r2, r3, [r1]"), (.loadExclusive(1, 0), "ldrex r1, [r0]"),
        (.storeExclusive(3, 2, 0), "strex r3, r2, [r0]"), (.loadLiteral(3, 64), "ldr r3, [pc, #0x38]"),
        (.loadLiteral(15, 8), "ldr pc, [pc]"), (.branch(.carrySet, 64), "bhs #0x10000040"),
        (.branch(.carryClear, -64), "blo #0xfffffc0"), (.branch(.notEqual, 8), "bne #0x10000008"),
        (.branchLinkThumb(66), "blx #0x10000042"), (.branchLinkThumb(-64), "blx #0xfffffc0"),
        (.branchRegister(14), "bx lr"), (.branchLinkRegister(12), "blx ip"),
    ])
    func a32(_ instruction: A32StubInstruction, _ expected: String) throws {
        let text = try text(instruction.encodedBytes(), .a32)
        #expect(text == expected || text == expected.replacing("[pc]", with: "[pc, #0]"))
    }

    /// A field that has no room says so.
    @Test func tooLarge() {
        let a64: [A64StubInstruction] = [
            .addImmediate(0, 0, 4097), .load(0, 0, 4), .load(0, 0, -8), .load(0, 0, 32768), .loadUnscaled(0, 0, 256),
            .loadPair(0, 1, 2, 512), .move(32, 0), .loadLiteral(0, 1 << 21), .testMask(0, from: 60, count: 9),
        ]
        for instruction in a64 { #expect(throws: EncodingError.self) { try instruction.encoded() } }
        let a32: [A32StubInstruction] = [
            .addImmediate(0, 0, 257), .load(0, 0, 4096), .store(0, 0, -4096), .storePair(1, 0), .move(16, 0),
            .branch(.always, 1 << 26), .branchLinkThumb(1 << 26), .branchLinkThumb(3), .branch(.always, .min),
        ]
        for instruction in a32 { #expect(throws: EncodingError.self) { try instruction.encoded() } }
    }
}
