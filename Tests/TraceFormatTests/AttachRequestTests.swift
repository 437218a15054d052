import Foundation
import Testing
import TraceFormat

/// What `nopal-attach` and the agent share.
@Suite struct AttachRequestTests {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// It lies behind `HelperRequest`, and ends before the stack of the first thread (see `StartedCode`).
    @Test func itHasRoom() {
        let (requestStart, stackStart) = (65536, 81920)
        #expect(HelperRequest.byteCount % 8 == 0)
        #expect(AttachRequest.attacher >= HelperRequest.byteCount)
        #expect(AttachRequest.entryCount + 8 <= AttachRequest.plan)
        #expect(requestStart + AttachRequest.byteCount <= stackStart)
    }

    /// Steps, and modes, are told apart.
    @Test func valuesDiffer() {
        typealias Step = AttachRequest.Step
        let steps = [
            Step.begun, Step.prepared, Step.stopped, Step.again, Step.givenUp, Step.armed, Step.ended, Step.read,
        ]
        #expect(Set(steps).count == steps.count)
        #expect(![0, 1, 2].contains(AttachRequest.mode))
    }

    /// The offsets that the starting code has as numbers.
    @Test func startingCodeAgrees() throws {
        let text = try String(
            contentsOf: Self.root.appendingPathComponent("Sources/Attacher/include/started_code.h"), encoding: .utf8)
        let wanted = [
            "AGENT_PATH": HelperRequest.agentPath, "CREATE_RESULT": HelperRequest.createResult,
            "OPEN_RESULT": HelperRequest.openResult, "OPEN_ERROR": HelperRequest.openError,
            "PROGRESS": HelperRequest.progress, "THREAD": HelperRequest.thread, "FUNCTION": HelperRequest.function,
        ]
        for (name, offset) in wanted {
            #expect(text.contains(try Regex("#define \(name) \(offset)\\n")), "\(name)")
        }
    }
}
