import Glibc
import Programs
import TraceFormat

/// Makes a trace of what a process without a host has left: its plan has the names, its file the events.
public struct Collection {
    public let process: Int32
    public let lostEvents: UInt64
    /// What a person should know.
    public private(set) var notes: [String]

    /// Reads both files and writes the trace; neither is changed.
    ///
    /// Throws: `.badFile` with the sentence; what `ChunkWriter` throws when the trace can't be written.
    public init(plan: String, events: String, output path: String) throws {
        let records = try PlanRecords(path: plan)
        let memory = try SharedMemory(eventsFile: events)
        typealias Events = StandalonePlan.Events
        let note = (
            frequency: memory.noted64(Events.tickFrequency), ticks: memory.noted64(Events.ticks),
            monotonic: memory.noted64(Events.monotonicNanos), realtime: memory.noted64(Events.realtimeNanos)
        )
        guard note.frequency > 0, note.frequency <= 1 << 40 else {
            throw ControlError.badFile(
                "\(events): no events of a process without a host; 'nopal record' writes traces itself")
        }
        process = Int32(bitPattern: memory.noted32(Events.process))
        lostEvents = memory.lostEvents
        notes = Self.notes(memory)
        let output = try TraceOutput(path: path, clock: TickSource(isForeign: true))
        var session = records.session
        session.startRealtimeNanos = note.realtime
        output.append(session)
        for module in records.modules { output.append(module) }
        // The rate is known: two moments draw the line.
        let seconds: UInt64 = 1000
        for passed in [0, seconds] {
            output.append(
                ClockFitRecord(
                    tick: note.ticks &+ passed &* note.frequency,
                    monotonicNanos: note.monotonic &+ passed &* 1_000_000_000,
                    realtimeNanos: note.realtime &+ passed &* 1_000_000_000))
        }
        introduce(memory, note.ticks, records, output)
        BlockDrain(memory: memory, output: output, keepsUntilEnd: true, asksProcesses: false).drainAll()
        output.append(LedgerRecord(lostEvents: lostEvents, waitedNanos: 0, notes: notes))
        output.finish()
        if let error = output.error { throw error }
    }

    /// The process, and the children that have written to its file.
    private func introduce(_ memory: SharedMemory, _ ticks: UInt64, _ records: PlanRecords, _ output: TraceOutput) {
        typealias Events = StandalonePlan.Events
        let first = UInt32(bitPattern: process)
        let owners = (0..<memory.blockCount).filter { memory.state($0) != .free }.map { memory.owner($0).process }
        let executable = records.session.commandLine.first ?? ""
        for owner in [first] + Set(owners).subtracting([0, first]).sorted() {
            output.append(
                ProcessRecord(
                    process: owner, parent: owner == first ? 0 : first, origin: owner == first ? .started : .forked,
                    executable: executable, tick: ticks))
            for index in 0..<min(Int(memory.noted32(Events.moduleCount)), Events.moduleCapacity) {
                let module = UInt32(truncatingIfNeeded: memory.noted64(Events.modules + 16 * index))
                guard records.modules.contains(where: { $0.index == module }) else { continue }
                output.append(
                    LoadRecord(
                        process: owner, moduleIndex: module, bias: memory.noted64(Events.modules + 16 * index + 8),
                        tick: ticks))
            }
        }
    }

    private static func notes(_ memory: SharedMemory) -> [String] {
        typealias Events = StandalonePlan.Events
        let counts: [(Int, String)] = [
            (Events.refused, "sites were not armed: other bytes than those of the plan's files stood there"),
            (Events.roomless, "groups of sites were not armed: no room for stubs in a branch's reach"),
            (Events.strangers, "modules were not traced: of another build than the plan's"),
        ]
        var notes = counts.filter { memory.noted64($0.0) > 0 }.map { "\(memory.noted64($0.0)) \($0.1)" }
        let failure = memory.noted64(Events.windowFailure)
        if failure > 0 {
            let reason = RunResult(rawValue: failure - 1).map { sentence($0) } ?? "an unknown reason"
            notes.append("sites were not switched any more: \(reason)")
        }
        let windows = memory.noted64(Events.windows)
        if windows > 0 {
            notes.append("sites were switched \(memory.noted64(Events.toggles)) times in \(windows) windows")
        }
        return notes
    }
}

extension Collection {
    /// Why an agent did not run a plan.
    private static func sentence(_ result: RunResult) -> String {
        switch result {
        case .done, .malformed: "the agent does not know its plan"
        case .unexpected: "other bytes than expected stood at a site"
        case .closedText: "the kernel did not let code be written"
        case .noCoreSync: "the kernel has no membarrier with SYNC_CORE (Linux 4.16)"
        case .noTraps: "the program has a SIGTRAP handler of its own"
        }
    }
}

/// What a plan file says for the trace.
private struct PlanRecords {
    let session: SessionRecord
    let modules: [ModuleRecord]

    init(path: String) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw ControlError.badFile("\(path): \(unsafe String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        let bytes = MemoryFile.read(descriptor)
        let bad = ControlError.badFile("\(path): not a plan of this version; 'nopal prepare' makes one")
        guard let payloads = Self.payloads(bytes), let first = payloads.first,
            let session = try? SessionRecord(payload: first)
        else { throw bad }
        self.session = session
        do { modules = try payloads.dropFirst().map { try ModuleRecord(payload: $0) } } catch { throw bad }
    }

    /// The records; nil when the file is no plan.
    private static func payloads(_ bytes: [UInt8]) -> [ArraySlice<UInt8>]? {
        typealias Field = StandalonePlan.Header
        guard number(bytes[...], Field.magic, UInt64.self) == StandalonePlan.magic,
            number(bytes[...], Field.version, UInt32.self) == StandalonePlan.version,
            let start = number(bytes[...], Field.recordsOffset, UInt64.self).flatMap(Int.init(exactly:)),
            let count = number(bytes[...], Field.recordsByteCount, UInt64.self).flatMap(Int.init(exactly:)),
            start >= 0, count >= 0, start <= bytes.count, count <= bytes.count - start
        else { return nil }
        var rest = bytes[start..<start + count]
        var payloads: [ArraySlice<UInt8>] = []
        while !rest.isEmpty {
            guard let size = number(rest, 0, UInt32.self), Int(size) <= rest.count - 4 else { return nil }
            payloads.append(rest.dropFirst(4).prefix(Int(size)))
            rest = rest.dropFirst(4 + Int(size))
        }
        return payloads
    }

    private static func number<Number: FixedWidthInteger & UnsignedInteger>(
        _ bytes: ArraySlice<UInt8>, _ offset: Int, _ type: Number.Type
    ) -> Number? {
        var reader = ByteReader(bytes.dropFirst(offset))
        return try? reader.fixed(type)
    }
}
