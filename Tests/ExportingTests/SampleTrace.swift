import Foundation
import Reading
import TraceFormat

/// A trace made for a test: a tick is a nanosecond, and tick 0 is nanosecond 1,000,000.
struct SampleTrace {
    struct Block {
        var thread: UInt32
        var lostBefore: UInt64 = 0
        var openCalls: UInt32 = 0
        var events: [(EventKind, UInt32, UInt32)]
    }

    var functions: [(name: String, hasExits: Bool)] = []
    var threads: [(thread: UInt32, name: String)] = [(70, "main")]
    var blocks: [Block] = []

    static let baseNanos: UInt64 = 1_000_000

    /// Writes the trace, opens it, and takes the file away.
    ///
    /// In functions' names the character U+F8FF stands for the byte ff, which no `String` holds.
    func opened() throws -> Trace {
        let path = NSTemporaryDirectory() + "nopal-sample-\(UUID().uuidString).trace"
        defer { unlink(path) }
        let writer = try ChunkWriter.create(path: path)
        try writer.append(record: SessionRecord(nopalVersion: "1", commandLine: ["./app", "-x"]))
        try writer.append(
            record: ProcessRecord(
                process: 70, parent: 1, origin: .started, executable: "/bin/app", tick: 0))
        let module = ModuleRecord(
            index: 0, path: "/bin/app",
            functions: functions.enumerated().map { index, function in
                FunctionRecord(
                    id: UInt32(index + 1), name: function.name, address: 0x1000, byteCount: 16,
                    hasExits: function.hasExits)
            })
        try writer.append(type: .module, payload: withStrayBytes(module.payload))
        for (tick, nanos) in [(0, Self.baseNanos), (1_000_000, 2 * Self.baseNanos)] {
            try writer.append(
                record: ClockFitRecord(
                    tick: UInt64(tick), monotonicNanos: nanos, realtimeNanos: nanos))
        }
        for (serial, thread) in threads.enumerated() {
            try writer.append(
                record: ThreadRecord(
                    serial: UInt32(serial), process: 70, thread: thread.thread, name: thread.name))
        }
        try appendBlocks(to: writer)
        try writer.close()
        return try Trace(path: path)
    }

    private func appendBlocks(to writer: ChunkWriter) throws {
        var sequences: [UInt32: UInt32] = [:]
        for (order, block) in blocks.enumerated() {
            let head = EventsHead(
                threadSerial: block.thread, sequence: sequences[block.thread, default: 0],
                lostBefore: block.lostBefore, order: UInt64(order), openCalls: block.openCalls)
            sequences[block.thread, default: 0] += 1
            let clock = EventWord(kind: .clock, payload: 0, tickLow: block.events.first?.2 ?? 0)
            let words = [clock.raw] + block.events.map { EventWord(kind: $0.0, payload: $0.1, tickLow: $0.2).raw }
            try words.withUnsafeBytes { try writer.appendEvents(head: head, words: $0) }
        }
    }

    private func withStrayBytes(_ payload: [UInt8]) -> [UInt8] {
        let mark = Array("\u{f8ff}".utf8)
        var bytes = payload
        for place in bytes.indices.dropLast(2) where Array(bytes[place..<place + 3]) == mark {
            bytes.replaceSubrange(place..<place + 3, with: [0xff, 0xfe, 0x80])
        }
        return bytes
    }

    /// Function 1 calls itself `depth` deep and returns, an event each `tickStep`.
    static func descent(to depth: UInt32, tickStep: UInt32) -> [(EventKind, UInt32, UInt32)] {
        var events: [(EventKind, UInt32, UInt32)] = []
        for index in 0..<2 * depth {
            events.append((index < depth ? .entry : .exit, 1, 10 + index * tickStep))
        }
        return events
    }

    /// Two threads; a return, an exception through two frames, an entry without exit, a loss, a
    /// function that calls itself, and calls that never end.
    static let story = SampleTrace(
        functions: [("main", true), ("parse", true), ("throw\"s", true), ("lean", false), ("work", true)],
        threads: [(70, "main"), (71, "helper")],
        blocks: [
            Block(
                thread: 0,
                events: [
                    (.entry, 1, 100), (.entry, 2, 150), (.exit, 2, 1400), (.entry, 2, 1500),
                    (.entry, 3, 1600), (.unwound, 3, 1700), (.unwound, 2, 1750), (.entryOnly, 4, 1800),
                ]),
            Block(
                thread: 1,
                events: [
                    (.entry, 5, 200), (.entry, 5, 300), (.exit, 5, 400), (.exit, 5, 500),
                ]),
            Block(thread: 0, lostBefore: 12, openCalls: 1, events: [(.entry, 2, 3000), (.exit, 2, 3100)]),
        ])
}
