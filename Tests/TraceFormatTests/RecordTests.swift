import Testing
import TraceFormat

@Suite struct RecordTests {
    @Test func eventWordKeepsItsParts() {
        let word = EventWord(kind: .exit, payload: 0x0abc_def1, tickLow: 0xffff_fffe)
        #expect(word.kind == .exit)
        #expect(word.payload == 0x0abc_def1)
        #expect(word.tickLow == 0xffff_fffe)
        #expect(EventWord(raw: 0).kind == nil)
    }

    @Test func moduleSurvivesARoundTrip() throws {
        let module = ModuleRecord(
            index: 3, path: "/usr/bin/x", buildID: [1, 2, 255], siteCount: 9, tracedCount: 8,
            notTraced: [SiteTally(reason: "not selected", count: 1, examples: ["f"])],
            functions: [FunctionRecord(id: 1, name: "_Z1fv", address: 1 << 63, byteCount: 4, hasExits: false)])
        #expect(try ModuleRecord(payload: module.payload[...]) == module)
    }

    @Test func everyTruncationIsAnError() {
        let payload = SessionRecord(nopalVersion: "1", commandLine: ["a", "b"], filters: ["-F"]).payload
        for count in 0..<payload.count {
            #expect(throws: FormatError.self) { try SessionRecord(payload: payload[..<count]) }
        }
    }
}
