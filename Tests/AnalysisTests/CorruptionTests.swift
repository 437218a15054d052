import Analysis
import Reading
import TestSupport
import Testing
import TraceFormat

/// Damaged files end in a sentence or in a partial read whose faults are listed; never in a crash.
@Suite struct CorruptionTests {
    private func original() throws -> [UInt8] {
        try withTemporaryPath { path in
            let builder = try TraceBuilder(path: path, functions: ["main", "f", "g"], entryOnly: ["g"])
            try builder.thread(1, tid: 101)
            try builder.thread(2, tid: 102, name: "worker")
            for step in UInt64(0)..<40 {
                let thread = UInt32(step % 2 + 1)
                try builder.event(thread, .entry, 1, step * 100)
                try builder.event(thread, .entryOnly, 3, step * 100 + 5)
                try builder.event(thread, step % 7 == 0 ? .unwound : .exit, 1, step * 100 + 10)
                if step % 10 == 9 { try builder.flush(thread) }
            }
            try builder.finish()
            return try contents(path)
        }
    }

    /// Opens and reads everything; returns the sentence, or the faults.
    private func read(_ path: String) -> (error: TraceError?, faults: [TraceFault], entries: UInt64) {
        do throws(TraceError) {
            let trace = try Trace(path: path)
            let account = Account(trace)
            let selection = CallSelection(trace, only: ["m*"], depth: 3)
            _ = Report(trace, selection).rows
            _ = CallGraph(trace, selection)
            Replay.write(trace, ReplayOptions(selection: selection), to: TextBuffer { _ in true })
            Replay.write(trace, ReplayOptions(selection: CallSelection(trace)), to: TextBuffer { _ in true })
            #expect(account.totals.entries == account.totals.exits + account.totals.unwound + account.totals.open)
            return (nil, trace.faults, account.totals.entries)
        } catch { return (error, [], 0) }
    }

    @Test func everyOfTenThousandCorruptionsIsNoticed() throws {
        let whole = try original()
        var random = SeededRandom(seed: 42)
        try withTemporaryPath { path in
            try write(whole, to: path)
            #expect(read(path).faults == [])
            #expect(read(path).entries == 40)
            var unnoticed = 0
            for _ in 0..<10_000 {
                var bytes = whole
                if random.next() % 4 == 0 {
                    bytes.removeLast(Int(random.next() % UInt64(bytes.count)) + 1)
                } else {
                    bytes[Int(random.next() % UInt64(bytes.count))] ^= 1 << UInt8(random.next() % 8)
                }
                try write(bytes, to: path)
                let result = read(path)
                if result.error == nil && result.faults.isEmpty { unnoticed += 1 }
                #expect(result.entries <= 40)
            }
            // Checksums cover chunk headers and payloads; padding and reserved bytes must be zero.
            #expect(unnoticed == 0)
        }
    }

    /// What a killed host leaves: whole chunks and perhaps the beginning of one. None of it is damaged.
    @Test func everyLengthThatAStoppedRecorderLeavesIsWholeAsFarAsItGoes() throws {
        let whole = try original()
        try withTemporaryPath { path in
            for byteCount in TraceFile.headerByteCount..<whole.count {
                try write(Array(whole[..<byteCount]), to: path)
                let trace = try Trace(path: path)
                let account = Account(trace)
                #expect(!trace.isDamaged, "\(byteCount): \(trace.faults)")
                #expect(!trace.faults.isEmpty, "\(byteCount) of \(whole.count) bytes")
                #expect(account.totals.entries == account.totals.exits + account.totals.unwound + account.totals.open)
            }
            var flipped = whole
            flipped[whole.count - TraceFile.chunkHeaderByteCount] ^= 1
            try write(flipped, to: path)
            #expect(try Trace(path: path).isDamaged)
        }
    }

    /// A checksum says what the recorder wrote; that it wrote into the wrong block, only this does.
    @Test func aBlockWithoutAClockWordIsDamage() throws {
        try withTemporaryPath { path in
            for isWhole in [true, false] {
                let builder = try TraceBuilder(path: path, functions: ["main"])
                try builder.thread(1, tid: 101)
                if isWhole { builder.word(1, EventWord(kind: .clock, payload: 0, tickLow: 0).raw) }
                builder.word(1, EventWord(kind: .entry, payload: 1, tickLow: 8).raw)
                try builder.flush(1)
                try builder.finish()
                let found = read(path)
                #expect(found.entries == 1)
                #expect(found.faults.contains { $0.sentence.contains("clock word") } == !isWhole)
            }
        }
    }

    @Test func foreignFilesEndInASentence() throws {
        try withTemporaryPath { path in
            try write([], to: path)
            #expect(read(path).error == .empty(path: path))
            try write(Array("#!/bin/sh\necho this is not a trace at all\n".utf8), to: path)
            #expect(read(path).error == .foreign(path: path))
            var future = try original()
            future[8] = 9
            try write(future, to: path)
            #expect(read(path).error == .otherVersion(path: path, version: 9))
        }
        #expect(read("/nonexistent/x").error?.description.contains("there is no file /nonexistent/x") == true)
        #expect(read("/tmp").error == .notAFile(path: "/tmp"))
    }

    @Test func validChecksumsOverNonsenseAreReadToo() throws {
        var random = SeededRandom(seed: 7)
        try withTemporaryPath { path in
            for _ in 0..<200 {
                let builder = try TraceBuilder(path: path, functions: ["main"], fits: [])
                for _ in 0..<3 {
                    builder.word(UInt32(random.next() % 3), random.next())
                    for _ in 0..<20 { builder.word(1, random.next() & ~(8 << 60)) }
                    builder.threads[1]?.openCalls = UInt32(truncatingIfNeeded: random.next())
                    builder.threads[1]?.lostBefore = random.next()
                    try builder.flush(1)
                    try builder.writer.append(
                        type: .clockFit, payload: (0..<16).map { _ in UInt8(truncatingIfNeeded: random.next()) })
                    try builder.writer.append(
                        type: .module, payload: (0..<40).map { _ in UInt8(truncatingIfNeeded: random.next()) })
                }
                try builder.finish()
                #expect(read(path).error == nil)
            }
        }
    }
}
