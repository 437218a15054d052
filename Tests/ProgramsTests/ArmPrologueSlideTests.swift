import Foundation
import Testing

@testable import Programs

/// Which windows of 32-bit Arm may be rewritten: by hand, and held against LLVM's disassembler.
@Suite struct ArmPrologueSlideTests {
    /// `push {lr}; bl TARGET`, where nothing looks at the target.
    static let a32Call: [UInt32] = [0xE52D_E004, 0xEB00_0100]
    static let t32Call: [UInt16] = [0xB500, 0xF000, 0xF900]

    func a32(_ prologue: [UInt32], _ rest: [UInt32]) -> String? {
        var slide = ArmPrologueSlide()
        var found: String?
        NopDecodingTests.bytes((prologue + Self.a32Call + rest).flatMap(Self.littleEndian)) { code in
            found = slide.obstacle(
                in: code, prologueByteCount: prologue.count * 4, callByteCount: 8, isThumb: false)
        }
        return found
    }

    func t32(_ prologue: [UInt16], _ rest: [UInt16]) -> String? {
        var slide = ArmPrologueSlide()
        var found: String?
        NopDecodingTests.bytes((prologue + Self.t32Call + rest).flatMap(Self.littleEndian)) { code in
            found = slide.obstacle(
                in: code, prologueByteCount: prologue.count * 2, callByteCount: 6, isThumb: true)
        }
        return found
    }

    static func littleEndian(_ word: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: word.littleEndian) { Array($0) }
    }

    @Test(
        arguments: [
            [],
            [0xE92D_4010],  // push {r4, lr}
            [0xE1A0_C00D, 0xE92D_4800, 0xE24D_D008],  // mov ip, sp; push {fp, lr}; sub sp, sp, #8
            [0xE92D_000F, 0xE92D_4070],  // push {r0-r3}; push {r4-r6, lr}: variable arguments
            [0xE92D_4010, 0xED2D_8B04],  // push {r4, lr}; vpush {d8-d9}
            [0xE30A_C000, 0xE34F_CFFE, 0xE08D_D00C],  // movw ip; movt ip; add sp, sp, ip
        ] as [[UInt32]])
    func a32Slides(_ prologue: [UInt32]) {
        #expect(a32(prologue, [0xE12F_FF1E]) == nil)
    }

    @Test(
        arguments: [
            [],
            [0xB510],  // push {r4, lr}
            [0xB480, 0xB083, 0xAF00],  // push {r7}; sub sp, #12; add r7, sp, #0
            [0xB40F, 0xE92D, 0x41F0],  // push {r0-r3}; push.w {r4-r8, lr}
            [0xB510, 0xED2D, 0x8B04],  // push {r4, lr}; vpush {d8-d9}
            [0xB510, 0x2800, 0xBF08, 0x2001],  // cmp r0, #0; it eq; moveq r0, #1
            [0xBF1C, 0x2001, 0xF04F, 0x0102],  // itt ne; movne r0, #1; movne.w r1, #2
        ] as [[UInt16]])
    func t32Slides(_ prologue: [UInt16]) {
        #expect(t32(prologue, [0x4770]) == nil)
    }

    static let counter = "the prologue uses the program counter"
    static let branch = "the prologue has a branch or call before mcount"

    @Test(
        arguments: [
            ([0xE59F_4004], counter),  // ldr r4, [pc, #4]
            ([0xE28F_3008], counter),  // adr r3, .+16
            ([0xE08F_3003], counter),  // add r3, pc, r3
            ([0xED9F_8B02], counter),  // vldr d8, [pc, #8]
            ([0xE92D_D800], counter),  // push {fp, ip, lr, pc}, of -mapcs-frame
            ([0xE92C_D800], counter),  // stmdb ip!, {fp, ip, lr, pc}
            ([0xE1A0_C00F], counter),  // mov ip, pc
            ([0xE080_0F11], counter),  // add r0, r0, r1, lsl pc: unpredictable
            ([0x01A0_F00E], counter),  // moveq pc, lr
            ([0x0A00_0010], branch),  // beq
            ([0xEB00_0010], branch),  // bl
            ([0xFA00_0010], branch),  // blx
            ([0x012F_FF1E], branch),  // bxeq lr
            ([0xEF00_0000], branch),  // svc #0
            ([0xE120_0070], branch),  // bkpt
            ([0xE7F0_00F0], branch),  // udf
            ([0xF7FF_FFFF], "unknown prologue"),
        ] as [([UInt32], String)])
    func a32Stays(_ more: [UInt32], _ reason: String) {
        #expect(a32([0xE92D_4010] + more, [0xE12F_FF1E]) == reason)
    }

    @Test(
        arguments: [
            ([0x4C01], counter),  // ldr r4, [pc, #4]
            ([0xA301], counter),  // adr r3, .+8
            ([0xF20F, 0x0304], counter),  // adr.w r3, .+8
            ([0x447B], counter),  // add r3, pc
            ([0x467B], counter),  // mov r3, pc
            ([0xED9F, 0x8B02], counter),  // vldr d8, [pc, #8]
            ([0xF89F, 0xF004], counter),  // pld [pc, #4]
            ([0xD010], branch),  // beq
            ([0xB140], branch),  // cbz r0
            ([0xE8DF, 0xF003], branch),  // tbb [pc, r3]
            ([0x4798], branch),  // blx r3
            ([0xDF00], branch),  // svc #0
            ([0xBE00], branch),  // bkpt
            ([0xDE00], branch),  // udf
            ([0xBF08], "an IT block reaches out of the prologue"),  // it eq
            ([0xBF04, 0x2001], "an IT block reaches out of the prologue"),  // itt eq; moveq r0, #1
            ([0xE92D], "unknown prologue"),  // cut short
        ] as [([UInt16], String)])
    func t32Stays(_ more: [UInt16], _ reason: String) {
        #expect(t32([0xB510] + more, [0x4770]) == reason)
    }

    /// Windows of 12 bytes, `push {r4, lr}; push {lr}; bl`, then one branch at offset 12.
    @Test func a32BranchesFromOutside() {
        let reason = "a branch leads into the prologue"
        for (target, expected) in [(0, nil), (4, reason), (8, reason), (12, nil)] as [(Int, String?)] {
            let field = UInt32(truncatingIfNeeded: (target - 12 - 8) / 4) & 0xFF_FFFF
            for opcode: UInt32 in [0xEA00_0000, 0x1A00_0000, 0xEB00_0000, 0xFA00_0000] {
                #expect(a32([0xE92D_4010], [opcode | field]) == expected, "\(opcode) to \(target)")
            }
        }
    }

    /// Windows of 8 bytes, `push {r4, lr}; push {lr}; bl`, then one branch at offset 8.
    @Test func t32BranchesFromOutside() {
        let reason = "a branch leads into the prologue"
        for (target, expected) in [(0, nil), (2, reason), (4, reason), (6, reason), (8, nil)] as [(Int, String?)] {
            let distance = target - 8 - 4
            let narrow = UInt16(truncatingIfNeeded: distance / 2)
            for branch: [UInt16] in [
                [0xE000 | narrow & 0x7FF], [0xD100 | narrow & 0xFF],
                [0xF7FF, 0xB800 | narrow & 0x7FF],  // b.w
                [0xF47F, 0xA800 | narrow & 0x7FF],  // bne.w
                [0xF7FF, 0xF800 | narrow & 0x7FF],  // bl
            ] {
                #expect(t32([0xB510], branch) == expected, "\(branch) to \(target)")
            }
        }
    }
}

/// Instructions that LLVM shows with the program counter, or as a branch, move nowhere.
@Suite struct ArmDecoderTests {
    /// Every instruction of T32 of 16 bits; of the others some that a fixed seed gives, many of them with pc in a field.
    static func samples(isThumb: Bool) -> [[UInt8]] {
        var random = Seeded(state: 5)
        var codes: [[UInt8]] = []
        let pcFields: [UInt32] = [0, 0xF, 0xF00, 0xF000, 0xF_0000]
        for _ in 0..<20000 {
            var word = UInt32.random(in: 0...UInt32.max, using: &random)
            word |= pcFields[Int.random(in: 0..<5, using: &random)]
            if isThumb {
                // The first halfword of a long instruction; above the field of Rn.
                word |= 0xE000_0000
                if word >> 27 & 3 == 0 { word |= 0xF000_0000 }
                codes.append(
                    ArmPrologueSlideTests.littleEndian(UInt16(word >> 16))
                        + ArmPrologueSlideTests.littleEndian(UInt16(truncatingIfNeeded: word)))
            } else {
                codes.append(ArmPrologueSlideTests.littleEndian(word & 0x0FFF_FFFF | 0xE000_0000))
            }
        }
        guard isThumb else { return codes }
        return codes + (0..<UInt16(0xE800)).map(ArmPrologueSlideTests.littleEndian)
    }

    /// LLVM's text by bytes; those that it does not know have none.
    func texts(_ codes: [[UInt8]], isThumb: Bool) throws -> [[UInt8]: Substring] {
        let input = Built.folder.appendingPathComponent(UUID().uuidString)
        let lines = codes.map { $0.map { "0x" + String($0, radix: 16) }.joined(separator: " ") }
        try lines.joined(separator: "\n").write(to: input, atomically: true, encoding: .utf8)
        let triple = isThumb ? "thumbv8a" : "armv8a"
        let listing = try Built.run([
            "llvm-mc-19", "--disassemble", "--triple=\(triple)", "-mattr=+neon,+fp-armv8,+crypto", "--show-encoding",
            input.path,
        ])
        var texts: [[UInt8]: Substring] = [:]
        for line in listing.split(separator: "\n") {
            guard let mark = line.firstRange(of: "@ encoding: [") else { continue }
            let bytes = line[mark.upperBound...].dropLast().split(separator: ",").compactMap {
                UInt8($0.dropFirst(2), radix: 16)
            }
            texts[bytes] = line[..<mark.lowerBound]
        }
        return texts
    }

    @Test(arguments: [false, true])
    func whatUsesTheCounterMovesNowhere(isThumb: Bool) throws {
        let codes = Self.samples(isThumb: isThumb)
        let texts = try texts(codes, isThumb: isThumb)
        let decoder = try #require(ArmDecoder(isThumb: isThumb))
        let condition = "(|eq|ne|hs|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)"
        let leaving = "(adr|(b|bl|bx|blx)\(condition)|cbn?z|tb[bh]|svc|bkpt|udf|hlt|it[te]*)"
        let position = try Regex("\\bpc\\b|^\\s*\(leaving)(\\.[nw])?\\s")
        var (fixed, free) = (0, 0)
        for code in codes {
            guard let text = texts[code] else { continue }
            var obstacle: String?
            NopDecodingTests.bytes(code) { obstacle = decoder.obstacle(toMoving: $0) }
            if text.contains(position) {
                fixed += 1
                #expect(obstacle != nil, "\(text)")
            } else if obstacle == nil {
                free += 1
            }
        }
        // Both kinds were met.
        #expect(fixed > 1000 && free > 1000, "\(fixed), \(free)")
    }
}
