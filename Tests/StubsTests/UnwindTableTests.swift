import Foundation
import Testing
import TraceFormat

@testable import Stubs

/// The unwind table inside the image for debuggers, through libdw and readelf.
@Suite struct UnwindTableTests {
    static func image(of arena: Arena) -> [UInt8] {
        let offset = Int(ArenaTests.word(arena.bytes, Bundle.ArenaOffset.imageOffset))
        let byteCount = Int(ArenaTests.word(arena.bytes, Bundle.ArenaOffset.imageByteCount))
        return Array(arena.bytes[offset..<offset + byteCount])
    }

    /// At every byte of stubs of both kinds, the first, one in the middle and the last, libdw must
    /// find the caller where the frame codes of the template say.
    @Test(arguments: [false, true]) func rulesFindTheCaller(depthLimited: Bool) throws {
        let requests = ArenaTests.requests(30)
        let agent = ArenaTests.agent
        let arena = try Arena(
            at: ArenaTests.address, agent: agent, requests: requests, kind: StubKind(depthLimited: depthLimited))
        let unwinder = try Unwinder(image: Self.image(of: arena))
        let templates: [Bool: StubTemplate] = [
            true: .entryAndExit(agent.state, depthLimited: depthLimited), false: .entryOnly(agent.state),
        ]
        let registers = Unwinder.Registers(rbx: 0x6000_0000, rsp: 0x7ffc_0000_1000)
        for index in [0, 1, 14, 15, 28, 29] {
            let template = try #require(templates[requests[index].hasExit])
            for offset in template.frames.indices {
                let caller = try unwinder.caller(at: arena.stubs[index] + UInt64(offset), registers) {
                    address, byteCount in
                    if byteCount == 1 { return UInt64(arena.bytes[Int(address - ArenaTests.address)]) }
                    #expect(address == registers.rbx + 8)
                    return 0xabcd
                }
                let code = template.frames[offset]
                let word = UInt64(code & 0x1f) * 8
                let isInEntry = code & 0x80 != 0
                let expected = Unwinder.Caller(
                    cfa: registers.rsp + 1, returnAddressPlace: isInEntry ? registers.rbx : registers.rsp + word,
                    rbx: code & 0x40 != 0 ? 0xabcd : registers.rbx,
                    rsp: isInEntry ? registers.rsp : registers.rsp + word + 8)
                try #require(caller == expected, "stub \(index) at \(offset), frame code \(code)")
            }
        }
        let outside = arena.stubRange.upperBound
        #expect(throws: Unwinder.Failure.self) { try unwinder.caller(at: outside, registers) { _, _ in 0 } }
    }

    @Test func readelfUnderstandsTheRules() throws {
        let arena = try Arena(at: ArenaTests.address, agent: ArenaTests.agent, requests: ArenaTests.requests(9))
        let text = try Self.readelf("--debug-dump=frames", Self.image(of: arena))
        #expect(text.contains("Augmentation:          \"zP\""))
        #expect(text.contains("Return address column: 16"))
        #expect(text.contains("DW_CFA_def_cfa: r7 (rsp) ofs 1"))
        for rule in ["DW_CFA_expression: r16", "DW_CFA_val_expression: r3 (rbx)", "DW_CFA_val_expression: r7 (rsp)"] {
            #expect(text.components(separatedBy: rule).count == 3, "once for each kind of stub: \(rule)")
        }
        let first = String(arena.stubRange.lowerBound, radix: 16)
        let last = String(arena.stubRange.upperBound, radix: 16)
        #expect(text.contains("pc=0000\(first)..") && text.contains("..0000\(last)"))
        #expect(!text.lowercased().contains("warning") && !text.contains("Error"))
    }

    @Test(arguments: [0, 1, 7, 1000]) func readelfAcceptsTheImage(count: Int) throws {
        let arena = try Arena(at: ArenaTests.address, agent: ArenaTests.agent, requests: ArenaTests.requests(count))
        let text = try Self.readelf("-aW", Self.image(of: arena))
        #expect(!text.lowercased().contains("warning") && !text.contains("Error"), "\(text)")
        #expect(text.contains("nopal_stub"))
        #expect(text.contains(String(arena.stubRange.lowerBound, radix: 16)))
    }

    @Test func tableFitsItsBound() throws {
        for count in [0, 1, 2, 1000] {
            let arena = try Arena(at: ArenaTests.address, agent: ArenaTests.agent, requests: ArenaTests.requests(count))
            let end = Int(ArenaTests.word(arena.bytes, Bundle.ArenaOffset.imageOffset))
            #expect(end - arena.unwindTableOffset <= UnwindTable.maximumByteCount(siteCount: count, isa: .x86_64))
        }
    }

    /// Standard output and error together.
    static func readelf(_ option: String, _ image: [UInt8]) throws -> String {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("nopal-image-\(UUID().uuidString)")
        try Data(image).write(to: path)
        defer { try? FileManager.default.removeItem(at: path) }
        let (process, pipe) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/usr/bin/readelf")
        process.arguments = [option, path.path]
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return text
    }
}
