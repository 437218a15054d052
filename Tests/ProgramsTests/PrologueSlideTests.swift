import Testing

@testable import Programs

/// Which windows may be rewritten, on hand-written code: `prologue; call (5 bytes); rest`.
@Suite struct PrologueSlideTests {
    static let call: [UInt8] = [0xE8, 0, 0, 1, 0]
    static let frame: [UInt8] = [0x55, 0x48, 0x89, 0xE5]  // push %rbp; mov %rsp, %rbp

    func obstacle(_ prologue: [UInt8], _ rest: [UInt8]) -> String? {
        var slide = PrologueSlide()
        var found: String?
        NopDecodingTests.bytes(prologue + Self.call + rest) { code in
            found = slide.obstacle(in: code, prologueByteCount: prologue.count, callByteCount: 5)
        }
        return found
    }

    @Test func slides() {
        #expect(obstacle(Self.frame, [0xC3]) == nil)
        // je +2 over the next instruction, inside the prologue; and to its very end.
        #expect(obstacle(Self.frame + [0x74, 0x02, 0x89, 0xF8], [0xC3]) == nil)
        #expect(obstacle(Self.frame + [0x74, 0x02, 0x89, 0xF8, 0x90], [0xC3]) == nil)
        // A loop back to what follows the window.
        #expect(obstacle(Self.frame, [0x90, 0xEB, 0xFD]) == nil)
    }

    @Test(
        arguments: [
            ([0x74, 0x10], "the prologue has a branch or call before mcount"),  // out of the prologue
            ([0x74, 0x01, 0x89, 0xF8], "the prologue has a branch or call before mcount"),  // into an instruction
            ([0x74, 0xFA], "the prologue has a branch or call before mcount"),  // backwards
            ([0xFF, 0xD0], "the prologue has a branch or call before mcount"),
            ([0xC3], "the prologue has a branch or call before mcount"),
            ([0x48, 0x8B, 0x05, 0, 0, 0, 0], "the prologue addresses memory relative to itself"),
            ([0x06], "unknown prologue"),  // push %es, gone in 64-bit code
            ([0x48, 0x8B], "unknown prologue"),  // cut short
        ] as [([UInt8], String)])
    func stays(more: [UInt8], reason: String) {
        #expect(obstacle(Self.frame + more, [0xC3]) == reason)
    }

    @Test func branchesFromOutside() {
        let reason = "a branch leads into the prologue"
        #expect(obstacle(Self.frame, [0xEB, 0xFE &- 6]) == reason)  // jmp to offset 3
        #expect(obstacle(Self.frame, [0x0F, 0x84, 0xF2, 0xFF, 0xFF, 0xFF]) == reason)  // je rel32 to offset 1
        #expect(obstacle(Self.frame, [0xEB, 0xFE &- 9]) == nil)  // jmp to the entry itself
        // The bytes of such a jump within a constant are none: mov $0xf8eb, %eax.
        #expect(obstacle(Self.frame, [0xB8, 0xEB, 0xF5, 0, 0, 0xC3]) == nil)
    }
}
