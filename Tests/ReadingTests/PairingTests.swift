import Glibc
import Reading
import TestSupport
import Testing
import TraceFormat

/// Writes down what a walk shows, one line a call-back.
struct Recorder: CallVisitor {
    var lines: [String] = []

    mutating func entered(_ function: UInt32, atNanos: UInt64, depth: Int) {
        lines.append("enter \(function) at \(atNanos - 1_000_000_000) depth \(depth)")
    }
    mutating func left(_ function: UInt32, enteredAtNanos: UInt64, atNanos: UInt64, depth: Int, how: CallEnd) {
        lines.append("left \(function) after \(atNanos - enteredAtNanos) depth \(depth) \(how)")
    }
    mutating func passed(_ function: UInt32, atNanos: UInt64, depth: Int) {
        lines.append("passed \(function) at \(atNanos - 1_000_000_000) depth \(depth)")
    }
    mutating func lost(_ eventCount: UInt64, atNanos: UInt64) { lines.append("lost \(eventCount)") }
    mutating func leftUnentered(_ function: UInt32, atNanos: UInt64) { lines.append("unentered \(function)") }
}

@Suite struct PairingTests {
    private func walked(_ build: (TraceBuilder) throws -> Void) throws -> [String] {
        try withTemporaryPath { path in
            let builder = try TraceBuilder(path: path, functions: ["main", "f", "g", "h"])
            try builder.thread(1, tid: 101)
            try build(builder)
            try builder.finish()
            let trace = try Trace(path: path)
            #expect(trace.faults == [])
            var recorder = Recorder()
            trace.walk(trace.threads[0], &recorder)
            return recorder.lines
        }
    }

    @Test func callsNest() throws {
        let lines = try walked {
            try $0.event(1, .entry, 1, 10)
            try $0.event(1, .entry, 2, 20)
            try $0.event(1, .exit, 2, 25)
            try $0.event(1, .entryOnly, 4, 26)
            try $0.event(1, .exit, 1, 30)
        }
        #expect(
            lines == [
                "enter 1 at 10 depth 0", "enter 2 at 20 depth 1", "left 2 after 5 depth 1 returned",
                "passed 4 at 26 depth 1", "left 1 after 20 depth 0 returned",
            ])
    }

    @Test func anOuterExitUnwindsWhatIsInside() throws {
        let lines = try walked {
            try $0.event(1, .entry, 1, 10)
            try $0.event(1, .entry, 2, 20)
            try $0.event(1, .entry, 3, 21)
            try $0.event(1, .exit, 1, 30)
        }
        #expect(
            lines.suffix(3) == [
                "left 3 after 9 depth 2 unwound", "left 2 after 10 depth 1 unwound",
                "left 1 after 20 depth 0 returned",
            ])
    }

    @Test func unwoundEndsTheInnermostOfItsFunctionAndIsIgnoredWithoutOne() throws {
        let lines = try walked {
            try $0.event(1, .entry, 2, 10)
            try $0.event(1, .entry, 2, 20)
            try $0.event(1, .unwound, 3, 25)
            try $0.event(1, .unwound, 2, 26)
            try $0.event(1, .exit, 3, 27)
        }
        #expect(
            lines.suffix(3) == [
                "left 2 after 6 depth 1 unwound", "unentered 3", "left 2 after 17 depth 0 openAtEnd",
            ])
    }

    @Test func aHandlersEventsNestInsideTheCallThatReservedFirst() throws {
        // The slot of 1's entry was reserved, the handler ran (2), then 1's entry was filled.
        let lines = try walked {
            try $0.event(1, .entry, 1, 50)
            try $0.event(1, .entry, 2, 20)
            try $0.event(1, .exit, 2, 40)
            try $0.event(1, .exit, 1, 60)
        }
        #expect(
            lines == [
                "enter 1 at 20 depth 0", "enter 2 at 20 depth 1", "left 2 after 20 depth 1 returned",
                "left 1 after 40 depth 0 returned",
            ])
    }

    @Test func aWordFilledAfterAClockWordBelongsToTheNextEpoch() throws {
        let lines = try walked { builder in
            try builder.event(1, .entry, 1, 0xffff_fff0)
            // Reserved in epoch 0, filled in epoch 1 at tick 8.
            builder.word(1, EventWord(kind: .entry, payload: 2, tickLow: 8).raw)
            try builder.event(1, .entry, 3, 0x1_0000_0004)
            try builder.event(1, .exit, 3, 0x1_0000_0006)
            try builder.event(1, .exit, 2, 0x1_0000_0010)
        }
        #expect(lines[1] == "enter 2 at \(0x1_0000_0004) depth 1")
        #expect(lines[4] == "left 2 after 12 depth 1 returned")
    }

    @Test func unwrittenWordsArePassedOver() throws {
        let lines = try walked { builder in
            try builder.event(1, .entry, 1, 10)
            builder.word(1, 0)
            try builder.event(1, .exit, 1, 12)
        }
        #expect(lines == ["enter 1 at 10 depth 0", "left 1 after 2 depth 0 returned"])
    }

    @Test func afterALossTheStackIsTrimmedToTheAgentsCount() throws {
        let lines = try walked { builder in
            try builder.event(1, .entry, 1, 10)
            try builder.event(1, .entry, 2, 11)
            try builder.event(1, .entry, 3, 12)
            try builder.flush(1)
            builder.threads[1]?.lostBefore = 7
            builder.threads[1]?.openCalls = 1
            try builder.event(1, .exit, 2, 20)
            try builder.event(1, .exit, 1, 22)
        }
        #expect(
            lines.suffix(4) == [
                "lost 7", "left 3 after 8 depth 2 unwound", "left 2 after 9 depth 1 returned",
                "left 1 after 12 depth 0 returned",
            ])
    }

    @Test func aMissingBlockIsReported() throws {
        let lines = try walked { builder in
            try builder.event(1, .entry, 1, 10)
            try builder.flush(1)
            builder.threads[1]?.openCalls = 1
            try builder.event(1, .exit, 1, 22)
            try builder.flush(1, skipping: 1)
        }
        #expect(lines == ["enter 1 at 10 depth 0", "lost 0", "left 1 after 12 depth 0 returned"])
    }

    @Test func blocksAreReadInSequenceWhateverTheirOrderInTheFile() throws {
        let lines = try walked { builder in
            builder.threads[1]?.openCalls = 1
            try builder.event(1, .exit, 1, 20)
            let late = builder.threads[1]
            builder.threads[1] = .init()
            try builder.event(1, .entry, 1, 10)
            let early = builder.threads[1]
            builder.threads[1] = late
            try builder.flush(1, skipping: 1)
            builder.threads[1] = early
            try builder.flush(1)
        }
        #expect(lines == ["enter 1 at 10 depth 0", "left 1 after 10 depth 0 returned"])
    }
}
