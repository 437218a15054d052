import MachineCode
import Testing

@testable import Programs

@Suite struct NopDecodingTests {
    static func bytes(_ bytes: [UInt8], _ body: (FileBytes) -> Void) {
        bytes.withUnsafeBytes { body(FileBytes($0)) }
    }

    @Test func recommendedForms() {
        for byteCount in 1...30 {
            let filling = X86Nop.filling(byteCount)
            #expect(filling.count == byteCount)
            Self.bytes(filling + [0xC3]) { code in
                #expect(NopDecoding.run(in: code, at: 0).reduce(0, +) == byteCount)
                if byteCount <= 9 { #expect(NopDecoding.byteCount(in: code, at: 0) == byteCount) }
            }
        }
    }

    @Test(
        arguments: [
            ([0x0F, 0x1F, 0x44, 0x00, 0x08], 5), ([0x66, 0x66, 0x2E, 0x66, 0x0F, 0x1F, 0x84, 0, 0, 2, 0, 0], 12),
            ([0x66, 0x90], 2),
        ] as [([UInt8], Int)])
    func compilersForms(code: [UInt8], byteCount: Int) {
        Self.bytes(code) { #expect(NopDecoding.byteCount(in: $0, at: 0) == byteCount) }
    }

    @Test(
        arguments: [
            [0xC3], [0x0F, 0x1F], [0x0F, 0x1F, 0x44, 0x00], [0x0F, 0x1F, 0x48, 0x00], [0x0F, 0x1F, 0xC0], [0x66], [],
            [0x0F, 0xB6, 0x00], [0xF3, 0x90],
        ] as [[UInt8]])
    func noNops(code: [UInt8]) {
        Self.bytes(code) { #expect(NopDecoding.byteCount(in: $0, at: 0) == nil) }
    }
}
