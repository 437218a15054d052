import Testing
import TraceFormat

/// Every kind of record, whole, cut and damaged.
@Suite struct AllRecordsTests {
    private func check<Record: ChunkRecord & Equatable>(_ records: [Record]) throws {
        for record in records {
            let payload = record.payload
            #expect(try Record(payload: payload[...]) == record)
            for count in payload.indices {
                #expect(throws: FormatError.self) { try Record(payload: payload[..<count]) }
            }
            // A slice that does not begin at zero.
            let shifted = [1, 2, 3] + payload
            #expect(try Record(payload: shifted[3...]) == record)
            // Whatever a flipped bit makes of it: another record or an error, never a crash.
            for bit in 0..<payload.count * 8 {
                var damaged = payload
                damaged[bit / 8] ^= 1 << UInt8(bit % 8)
                _ = try? Record(payload: damaged[...])
            }
        }
    }

    @Test func sessions() throws {
        try check([
            SessionRecord(nopalVersion: ""),
            SessionRecord(
                nopalVersion: "0.1", hostName: "h", kernel: "6.1", commandLine: ["a", "", "ä€"],
                startRealtimeNanos: .max,
                whenFull: .overwrite, bufferByteCount: 1 << 40, filters: ["-F", "x*"], recordsExits: false),
        ])
    }

    @Test func modules() throws {
        try check([
            ModuleRecord(index: 0, path: ""),
            ModuleRecord(
                index: .max, path: "/usr/lib/x.so", buildID: Array(0...19), siteCount: 3, tracedCount: 2,
                notTraced: [SiteTally(reason: "r", count: 1, examples: ["a", "b"]), SiteTally(reason: "", count: 0)],
                functions: [
                    FunctionRecord(id: 1, name: "f", address: 0, byteCount: 0),
                    FunctionRecord(id: .max, name: "_Z1gv", address: .max, byteCount: .max, hasExits: false),
                ]),
        ])
    }

    @Test func processesThreadsAndLoads() throws {
        try check(
            [.started, .forked, .executed, .attached].map {
                ProcessRecord(
                    process: 1, parent: .max, origin: $0, executable: "/x", tick: 1 << 63, hasEnded: $0 == .forked)
            })
        try check([ThreadRecord(serial: 1, process: 2, thread: .max, name: "worker 1")])
        try check([false, true].map { LoadRecord(process: 1, moduleIndex: 2, bias: .max, tick: 3, isUnload: $0) })
        try check([ClockFitRecord(tick: 0, monotonicNanos: 127, realtimeNanos: 128)])
    }

    @Test func ledgers() throws {
        try check(
            [nil, 0, 256, -1, .min, .max].map {
                LedgerRecord(lostEvents: 1, waitedNanos: .max, notes: ["a note"], waitStatus: $0)
            })
    }

    /// LEB128 against its definition, at every width; longer than 64 bits is an error.
    @Test func varints() throws {
        for shift in 0..<64 {
            for value in [UInt64(1) << UInt64(shift), (1 << UInt64(shift)) - 1, .max >> UInt64(shift)] {
                var writer = ByteWriter()
                writer.varint(value)
                let groups = max(1, (64 - value.leadingZeroBitCount + 6) / 7)
                #expect(writer.bytes.count == groups)
                #expect(writer.bytes.reversed().reduce(UInt64(0)) { $0 << 7 | UInt64($1 & 0x7f) } == value)
                var reader = ByteReader(writer.bytes)
                #expect(try reader.varint() == value)
            }
        }
        for bytes in [Array(repeating: UInt8(0xff), count: 9) + [2], Array(repeating: 0x80, count: 10) + [0]]
            as [[UInt8]]
        {
            var reader = ByteReader(bytes)
            #expect(throws: FormatError.self) { try reader.varint() }
        }
        var wide = ByteWriter()
        wide.varint(UInt64(1) << 32)
        var reader = ByteReader(wide.bytes)
        #expect(throws: FormatError.invalid(field: "varint32")) { try reader.varint32() }
    }

    /// A length that the bytes do not hold is not believed.
    @Test func lengths() {
        for count in [UInt64(4), 1 << 31, 1 << 62, .max] {
            var writer = ByteWriter()
            writer.varint(count)
            let bytes = writer.bytes + [1, 2, 3]
            var (blob, list) = (ByteReader(bytes), ByteReader(bytes))
            #expect(throws: FormatError.truncated) { try blob.blob() }
            #expect(throws: FormatError.truncated) {
                try list.list { (reader) throws(FormatError) in try reader.byte() }
            }
        }
    }
}

/// The memory of agent and host, whose offsets both sides compute.
@Suite struct SessionMemoryTests {
    @Test func blocksFollowTheDescriptors() {
        for blockCount in Array(0...2000) + [32768, 100_000] {
            let offset = SessionMemory.blocksOffset(blockCount: blockCount)
            let used = SessionMemory.headerByteCount + blockCount * SessionMemory.descriptorByteCount
            #expect(offset % SessionMemory.blockByteCount == 0)
            #expect(offset >= used && offset - used < SessionMemory.blockByteCount)
            #expect(
                SessionMemory.byteCount(blockCount: blockCount) == offset + blockCount * SessionMemory.blockByteCount)
        }
    }

    /// Fields do not overlap and are aligned.
    @Test func fields() {
        typealias Header = SessionMemory.HeaderOffset
        typealias Descriptor = SessionMemory.DescriptorOffset
        let header: [(Int, Int)] = [
            (Header.magic, 8), (Header.version, 4), (Header.blockCount, 4), (Header.whenFull, 4),
            (Header.hostProcess, 4),
            (Header.closed, 4), (Header.freeGeneration, 4), (Header.freeWaiters, 4),
            (Header.fullGeneration, 4), (Header.hostSleeps, 4), (Header.nextThreadSerial, 4),
            (Header.nextBlockOrder, 8),
            (Header.lostEvents, 8), (Header.waitedNanos, 8),
        ]
        let descriptor: [(Int, Int)] = [
            (Descriptor.state, 4), (Descriptor.process, 4), (Descriptor.thread, 4), (Descriptor.threadSerial, 4),
            (Descriptor.sequence, 4), (Descriptor.usedByteCount, 4), (Descriptor.lostBefore, 8), (Descriptor.order, 8),
            (Descriptor.openCalls, 4), (Descriptor.flags, 4),
        ]
        checkFields(header, byteCount: SessionMemory.headerByteCount)
        checkFields(descriptor, byteCount: SessionMemory.descriptorByteCount)
    }

    /// Offsets and sizes.
    private func checkFields(_ fields: [(offset: Int, size: Int)], byteCount: Int) {
        var end = 0
        for field in fields.sorted(by: { $0.offset < $1.offset }) {
            #expect(field.offset >= end && field.offset % field.size == 0)
            end = field.offset + field.size
        }
        #expect(end <= byteCount)
    }

    @Test func eventWords() {
        for kind in [EventKind.entry, .exit, .unwound, .entryOnly, .clock, .void] {
            for payload in [UInt32(0), 1, EventWord.payloadMask] {
                for tick in [UInt32(0), 1, .max] {
                    let word = EventWord(kind: kind, payload: payload, tickLow: tick)
                    #expect(word.kind == kind && word.payload == payload && word.tickLow == tick)
                    #expect(word.upper == EventWord.upperHalf(kind: kind, payload: payload))
                    #expect(word.raw != 0, "a word of zero was never written")
                }
            }
        }
        for bits in UInt64(7)...15 { #expect(EventWord(raw: bits << 60).kind == nil) }
    }
}
