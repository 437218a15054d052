import Analysis
import Reading
import TestSupport
import Testing
import TraceFormat

/// Calls that go on on another stack end once, in every view of a trace.
@Suite struct SuspensionTests {
    /// main calls swap, swap calls fiber; swap returns first, then main calls swap again, and fiber returns.
    private func withFiber<Result>(_ body: (Trace) throws -> Result) throws -> Result {
        try withTemporaryPath { path in
            let builder = try TraceBuilder(path: path, functions: ["main", "swap", "fiber", "leaf"])
            try builder.thread(1, tid: 101)
            let events: [(EventKind, UInt32)] = [
                (.entry, 1), (.entry, 2), (.entry, 3), (.exit, 2), (.entry, 4), (.exit, 4), (.exit, 3), (.exit, 1),
                (.exit, 4),
            ]
            for (index, event) in events.enumerated() {
                try builder.event(1, event.0, event.1, UInt64(index + 1) * 1000)
            }
            try builder.finish()
            return try body(Trace(path: path))
        }
    }

    private func replay(_ trace: Trace, _ selection: CallSelection, minimumNanos: UInt64 = 0) -> [String] {
        var text = ""
        let options = ReplayOptions(selection: selection, minimumNanos: minimumNanos)
        Replay.write(
            trace, options,
            to: TextBuffer { bytes in
                text += String(decoding: bytes, as: UTF8.self)
                return true
            })
        return text.split(separator: "\n").dropFirst().map { String($0.drop { $0 != "|" }.dropFirst(2)) }
    }

    @Test func aSelectionCountsTheEndOfASuspendedCall() throws {
        try withFiber { trace in
            for selection in [
                CallSelection(trace), CallSelection(trace, only: ["main"]), CallSelection(trace, depth: 3),
            ] {
                let fiber = try #require(Report(trace, selection).rows.first { $0.function.displayName == "fiber" })
                #expect(fiber.statistics.entries == 1)
                #expect(fiber.statistics.exits == 1)
            }
            let shallow = Report(trace, CallSelection(trace, depth: 2)).rows
            #expect(!shallow.contains { $0.function.displayName == "fiber" })
        }
    }

    @Test func replayTellsHowASuspendedCallEnded() throws {
        try withFiber { trace in
            let lines = [
                "main() {", "  swap() {", "    fiber() {", "    } /* fiber, goes on on another stack */",
                "  } /* swap */", "  leaf();", "  /* fiber returned on another stack */", "} /* main */",
                "/* leaf returned, its entry is not recorded */",
            ]
            #expect(replay(trace, CallSelection(trace)) == lines)
            #expect(replay(trace, CallSelection(trace, depth: 9)) == lines)
            // The fiber ran for 1 us until it was suspended, leaf for 1 us; swap took 2 us.
            #expect(
                replay(trace, CallSelection(trace), minimumNanos: 1500) == ["main() {", "  swap();", "} /* main */"])
            #expect(
                replay(trace, CallSelection(trace, only: ["fiber"]))
                    == [
                        "fiber() {", "} /* fiber, goes on on another stack */", "/* fiber returned on another stack */",
                    ])
        }
    }

    /// The oldest ends first: a search from the other end, in a list, would take minutes.
    @Test func manySuspendedCallsOfDifferentFunctionsEnd() throws {
        let count: UInt32 = 60_000
        try withTemporaryPath { path in
            let builder = try TraceBuilder(path: path, functions: ["main"])
            try builder.thread(1, tid: 101)
            try builder.event(1, .entry, 1, 1)
            for id in 2...count { try builder.event(1, .entry, id, UInt64(id)) }
            try builder.event(1, .exit, 1, 1_000_000)
            for id in 2...count { try builder.event(1, .exit, id, UInt64(1_000_000 + id)) }
            try builder.finish()
            let totals = Account(try Trace(path: path)).totals
            #expect(totals.entries == UInt64(count) && totals.exits == UInt64(count))
            #expect(totals.exitsWithoutEntry == 0 && totals.open == 0)
        }
    }
}
