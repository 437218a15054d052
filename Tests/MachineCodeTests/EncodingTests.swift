import Disassembly
import MachineCode
import Testing

/// Encodings, by hand from the manual and back through an independent disassembler.
@Suite struct EncodingTests {
    @Test(
        arguments: [
            (.push(.rcx), "51"), (.push(.r11), "41 53"), (.pop(.rax), "58"), (.pop(.r15), "41 5f"),
            (.popMemory(.base(.rbx, 0)), "8f 03"), (.pushMemory(.base(.rbx, 8)), "ff 73 08"),
            (.load(.r11, .fs(-64)), "64 4c 8b 1c 25 c0 ff ff ff"), (.load(.rax, .base(.rsp, 0)), "48 8b 04 24"),
            (.load(.rax, .base(.rbp, 0)), "48 8b 45 00"), (.load(.rax, .base(.r12, 0)), "49 8b 04 24"),
            (.load(.rax, .base(.r13, 0)), "49 8b 45 00"), (.load(.rcx, .rip(-1)), "48 8b 0d ff ff ff ff"),
            (.store(.base(.rcx, 128), .rdx), "48 89 91 80 00 00 00"), (.store32(.base(.r11, 4), .rcx), "41 89 4b 04"),
            (.storeImmediate32(.base(.rcx, 4), 0x1000_0001), "c7 41 04 01 00 00 10"),
            (.storeImmediate64(.base(.rbx, 16), 0), "48 c7 43 10 00 00 00 00"), (.move(.rbx, .rcx), "48 89 cb"),
            (.moveSigned(.rax, -24), "48 c7 c0 e8 ff ff ff"), (.moveImmediate32(.r11, 8), "41 bb 08 00 00 00"),
            (.loadAddress(.rax, .base(.rcx, 32)), "48 8d 41 20"), (.subtractImmediate(.r11, 32), "49 83 eb 20"),
            (.compareImmediate(.r11, 8), "49 83 fb 08"), (.compare(.r11, .rbx), "49 39 db"),
            (.exchangeAdd(.fs(-8), .rcx), "64 48 0f c1 0c 25 f8 ff ff ff"),
            (.compareWithMemory32(.rdx, .fs(16)), "64 3b 14 25 10 00 00 00"), (.test32(.rax, .rax), "85 c0"),
            (.testAccumulator(0x1234_5678), "a9 78 56 34 12"), (.readTimeStampCounter, "0f 31"),
            (.jump(-5), "e9 fb ff ff ff"), (.jumpIf(.aboveOrEqual, 0x7fff_ffff), "0f 83 ff ff ff 7f"),
            (.jumpMemory(.rip(0)), "ff 25 00 00 00 00"), (.call(0), "e8 00 00 00 00"), (.ret, "c3"),
            (.callMemory(.rip(0)), "ff 15 00 00 00 00"), (.callMemory(.base(.rbx, 8)), "ff 53 08"),
            (.systemCall, "0f 05"),
            (.breakpoint, "cc"),
            (.nop(byteCount: 5), "0f 1f 44 00 00"),
        ] as [(X86Instruction, String)])
    func manual(instruction: X86Instruction, hex: String) {
        #expect(instruction.encoded == hex.split(separator: " ").compactMap { UInt8($0, radix: 16) })
    }

    /// Every form over all registers, all kinds of operands in memory and all edges of numbers.
    @Test func decodesBack() throws {
        let disassembler = try #require(Disassembler())
        var seen: Set<[UInt8]> = []
        for instruction in Self.all {
            let bytes = instruction.encoded
            let decoded = disassembler.decode(bytes, at: Expected.base)
            try #require(decoded.count == 1 && decoded[0].byteCount == bytes.count, "\(instruction) \(bytes)")
            // Capstone shows a displacement from fs with 64 bits in some instructions, with 32 in others.
            #expect(
                decoded[0].text.replacing("fs:[0xffffffff", with: "fs:[0x").replacing("[0x]", with: "[0xffffffff]")
                    == Expected.text(instruction), "\(bytes)")
            #expect(bytes.count <= 13)
            seen.insert(bytes)
        }
        #expect(seen.count > 9000)
    }

    @Test func nopsAreOneInstructionThatWritesNothing() throws {
        let disassembler = try #require(Disassembler())
        for byteCount in 1...9 {
            let decoded = disassembler.decode(X86Instruction.nop(byteCount: byteCount).encoded)
            #expect(decoded.map(\.byteCount) == [byteCount])
            #expect(decoded.first?.mnemonic == "nop")
            #expect(decoded.first?.written.isEmpty == true)
        }
    }

    /// A branch has the same size wherever it goes: stubs count on it.
    @Test func branchesHaveOneSize() {
        for distance in Self.numbers {
            #expect(X86Instruction.jump(distance).encoded.count == 5)
            #expect(X86Instruction.call(distance).encoded.count == 5)
            for condition in X86Condition.allCases {
                #expect(X86Instruction.jumpIf(condition, distance).encoded.count == 6)
            }
        }
    }

    /// A toggle is one store of one byte: on and off differ in the first byte only.
    @Test func sledsDifferInOneByte() {
        for distance in Self.numbers {
            let on = X86Instruction.jump(distance).encoded
            let off = X86Instruction.testAccumulator(UInt32(bitPattern: distance)).encoded
            #expect(on.dropFirst() == off.dropFirst())
            #expect((on[0], off[0]) == (0xe9, 0xa9))
        }
    }

    static let numbers: [Int32] = [
        0, 1, 8, 9, 10, -1, -8, 126, 127, 128, 129, -127, -128, -129, 0x1234_5678, .max - 1, .max, .min, .min + 1,
    ]
    static let bytes: [Int8] = [0, 1, 8, 9, 10, 32, 127, -1, -8, -127, -128]
    static let registers = X86Register.allCases
    static let memories: [X86Memory] =
        registers.flatMap { base in [0, 1, 127, 128, -1, -128, -129, .max, .min].map { .base(base, $0) } }
        + numbers.map { .fs($0) } + numbers.map { .rip($0) }

    static let all: [X86Instruction] = {
        var all: [X86Instruction] = [.readTimeStampCounter, .ret, .breakpoint, .systemCall]
        for a in registers {
            all += [.push(a), .pop(a)]
            all += memories.flatMap { m -> [X86Instruction] in
                [
                    .load(a, m), .store(m, a), .load32(a, m), .store32(m, a), .loadAddress(a, m),
                    .compareMemory(m, a), .compareWithMemory(a, m), .compareWithMemory32(a, m), .exchangeAdd(m, a),
                ]
            }
            for b in registers {
                all += [.move(a, b), .move32(a, b), .add(a, b), .subtract(a, b), .compare(a, b), .test32(a, b)]
            }
            all += numbers.flatMap {
                [
                    .moveSigned(a, $0), .moveImmediate32(a, UInt32(bitPattern: $0)),
                    .testImmediate32(a, UInt32(bitPattern: $0)),
                ]
            }
            all += bytes.flatMap { [.addImmediate(a, $0), .subtractImmediate(a, $0), .compareImmediate(a, $0)] }
        }
        for m in memories {
            all += [.pushMemory(m), .popMemory(m), .jumpMemory(m), .callMemory(m)]
            all += numbers.flatMap {
                [.storeImmediate32(m, UInt32(bitPattern: $0)), .storeImmediate64(m, $0)]
            }
        }
        for n in numbers {
            all += [.testAccumulator(UInt32(bitPattern: n)), .jump(n), .call(n)]
            all += X86Condition.allCases.map { .jumpIf($0, n) }
        }
        return all + (1...9).map { .nop(byteCount: $0) }.filter { $0.encoded.count == 1 }
    }()
}
