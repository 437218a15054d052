import Foundation
import Reading
import Testing
import TraceFormat

@testable import Exporting

@Suite struct ExportTests {
    /// Names that would break a careless writer, one of them no UTF-8, in every format.
    private static func awkward() throws -> Trace {
        let names = awkwardNames + ["stray \u{f8ff} bytes"]
        var calls: [(EventKind, UInt32, UInt32)] = []
        for function in 1...UInt32(names.count) {
            calls.append((.entry, function, 100 + function * 20))
            calls.append((.exit, function, 110 + function * 20))
        }
        return try SampleTrace(
            functions: names.map { ($0, true) }, threads: [(70, "th\"re\\ad\n;x")],
            blocks: [.init(thread: 0, events: calls)]
        ).opened()
    }

    private func export(_ trace: Trace, _ format: ExportFormat) throws -> [UInt8] {
        try written { try TraceExport(format: format).write(trace, to: $0) }
    }

    @Test(arguments: [ExportFormat.chrome, .speedscope])
    func writesJSONWhateverTheNames(format: ExportFormat) throws {
        let trace = try Self.awkward()
        let bytes = try export(trace, format)
        #expect(String(validating: bytes, as: UTF8.self) != nil)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
        let found: [String]
        if format == .chrome {
            let events = try #require(object["traceEvents"] as? [[String: Any]])
            found = events.filter { $0["ph"] as? String == "X" }.compactMap { $0["name"] as? String }
        } else {
            let shared = try #require(object["shared"] as? [String: [[String: Any]]])
            found = shared["frames"]?.compactMap { $0["name"] as? String } ?? []
        }
        let expected = (1...awkwardNames.count + 1).map { trace.function(UInt32($0)).displayName }
        #expect(found == expected)
    }

    @Test func keepsFoldedLinesWhole() throws {
        let text = String(decoding: try export(Self.awkward(), .folded), as: UTF8.self)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == awkwardNames.count + 2 && lines.last == "")
        for line in lines.dropLast() {
            #expect(line.split(separator: ";", omittingEmptySubsequences: false).count == 2)
            #expect(line.hasPrefix("th\"re\\ad :x;") && line.hasSuffix(" 10"))
        }
    }

    @Test func keepsCallgrindNamesOnOneLine() throws {
        let text = String(decoding: try export(Self.awkward(), .callgrind), as: UTF8.self)
        let lines = text.split(separator: "\n").filter { $0.hasPrefix("fn=") }
        #expect(lines.count == awkwardNames.count + 1)
        #expect(lines.contains("fn=(4) tab new line   "))
    }

    @Test func writesPerfettoNames() throws {
        let trace = try Self.awkward()
        let packets = try Perfetto_Protos_Trace(serializedBytes: export(trace, .perfetto)).packet
        let names = packets.flatMap(\.internedData.eventNames)
        #expect(names.map(\.name) == names.map { trace.function(UInt32($0.iid)).displayName })
        #expect(names.count == awkwardNames.count + 1)
    }

    /// A trace without a thread is a whole file of its format, too.
    @Test(arguments: ExportFormat.allCases)
    func writesEmptyTraces(format: ExportFormat) throws {
        let trace = try SampleTrace(functions: [], threads: [], blocks: []).opened()
        let bytes = try export(trace, format)
        switch format {
        case .chrome, .speedscope: #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(bytes)) }
        case .folded: #expect(bytes.isEmpty)
        case .callgrind: #expect(String(decoding: bytes, as: UTF8.self).hasSuffix("totals: 0\n"))
        case .perfetto: #expect(try Perfetto_Protos_Trace(serializedBytes: bytes).packet.count == 1)
        }
    }

    @Test(arguments: ExportFormat.allCases)
    func stopsWhenTheOutputIsFull(format: ExportFormat) throws {
        let trace = try SampleTrace.story.opened()
        let file = try OutputFile(path: "/dev/full")
        let buffer = OutputBuffer(descriptor: file.descriptor, path: "/dev/full")
        #expect(throws: ExportError.cannotWrite(path: "/dev/full", code: ENOSPC, byteCount: 0)) {
            try TraceExport(format: format).write(trace, to: buffer)
        }
        file.discard()
    }

    /// Deeper stacks than the folded format keeps: the time is all there.
    @Test func foldsDeepStacks() throws {
        let depth = UInt32(StackTree.depthLimit + 500)
        let calls = SampleTrace.descent(to: depth, tickStep: 10)
        let trace = try SampleTrace(
            functions: [("deep", true)], blocks: [.init(thread: 0, events: calls)]
        ).opened()
        let lines = String(decoding: try export(trace, .folded), as: UTF8.self).split(separator: "\n")
        let sum = lines.compactMap { UInt64($0.split(separator: " ").last ?? "") }.reduce(0, +)
        #expect(lines.count == StackTree.depthLimit + 1)
        #expect(lines.last?.contains(";[deeper] ") == true)
        #expect(sum == UInt64(depth) * 20 - 10)
    }
}
