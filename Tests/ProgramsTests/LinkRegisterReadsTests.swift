import Testing

@testable import Programs

/// 32-bit Arm: who reads lr, on hand-written code.
@Suite struct LinkRegisterReadsTests {
    func a32(_ words: [UInt32]) -> Bool {
        var reads = false
        NopDecodingTests.bytes(words.flatMap(ArmPrologueSlideTests.littleEndian)) {
            reads = LinkRegisterReads.readsArm($0, isThumb: false, entryCall: 0..<0)
        }
        return reads
    }

    func t32(_ halfwords: [UInt16]) -> Bool {
        var reads = false
        NopDecodingTests.bytes(halfwords.flatMap(ArmPrologueSlideTests.littleEndian)) {
            reads = LinkRegisterReads.readsArm($0, isThumb: true, entryCall: 0..<0)
        }
        return reads
    }

    @Test(
        arguments: [
            ([0xE1A0_000E], true),  // mov r0, lr
            ([0xE580_E000], true),  // str lr, [r0]
            ([0xE92D_4800, 0xE24D_D008, 0xE58D_E004], true),  // push {fp, lr}; sub sp, sp, #8; str lr, [sp, #4]
            ([0xE52D_E004, 0xE58D_E004], true),  // push {lr}; str lr, [sp, #4]
            ([0xE16D_40F8, 0xE58D_E004], false),  // strd r4, [sp, #-8]!; str lr, [sp, #4]: saves it
            ([0xE92D_4010, 0xE52D_E004], false),  // push {r4, lr}; push {lr}
        ] as [([UInt32], Bool)])
    func storesOfA32(_ words: [UInt32], _ reads: Bool) {
        #expect(a32(words) == reads)
    }

    /// What writes lr, so that `mov r0, lr` behind it is nobody's return address.
    @Test(
        arguments: [
            0xE152_E0D7,  // ldrsb lr, [r2, #-7]
            0xE6AF_E071,  // sxtb lr, r1
            0xE7E3_E1D0,  // ubfx lr, r0, #3, #4
            0xE73E_F211,  // udiv lr, r1, r2
            0xE00E_0291,  // mul lr, r1, r2
            0xE080_E291, 0xE08E_0291,  // umull, lr as its lower and upper half
            0xE191_EF9F,  // ldrex lr, [r1]
            0xE59D_E004,  // ldr lr, [sp, #4]
            0xE8BD_4010,  // pop {r4, lr}
            0xE1A0_E000,  // mov lr, r0
            0xEB00_0000,  // bl
        ] as [UInt32])
    func writesOfA32(_ word: UInt32) {
        #expect(!a32([word, 0xE1A0_000E]))
    }

    /// What has lr among its operands, or nothing to do with it, and does not write it.
    @Test(
        arguments: [
            0xE15E_0000,  // cmp lr, r0
            0xE000_0E90,  // mul r0, r0, lr
            0xE1C2_E0B0,  // strh lr, [r2]
            0xE582_0000,  // str r0, [r2]
        ] as [UInt32])
    func othersOfA32(_ word: UInt32) {
        #expect(a32([word, 0xE1A0_000E]))
    }

    @Test(
        arguments: [
            ([0x4670], true),  // mov r0, lr
            ([0xF8C0, 0xE000], true),  // str.w lr, [r0]
            ([0xB580, 0xB081, 0xF8CD, 0xE000], true),  // push {r7, lr}; sub sp, #4; str.w lr, [sp]
            ([0xE92D, 0x4010, 0xF8CD, 0xE000], true),  // push.w {r4, lr}; str.w lr, [sp]
            ([0xE96D, 0x4502, 0xF8CD, 0xE004], false),  // strd r4, r5, [sp, #-8]!; str.w lr, [sp, #4]: saves it
            ([0xB580, 0xF84D, 0xED04], false),  // push {r7, lr}; push.w {lr}
            ([0xE9DB, 0xE902, 0x4676], false),  // ldrd lr, r9, [fp, #8]; mov r6, lr
            ([0xE9DB, 0x9E02, 0x4676], false),  // ldrd r9, lr, [fp, #8]; mov r6, lr
            ([0xF8DB, 0xE008, 0x4676], false),  // ldr.w lr, [fp, #8]; mov r6, lr
        ] as [([UInt16], Bool)])
    func ofT32(_ halfwords: [UInt16], _ reads: Bool) {
        #expect(t32(halfwords) == reads)
    }
}
