import Reading
import SwiftProtobuf

/// Writes a Perfetto trace: a track for each thread, a slice for each call.
///
/// Each thread is a packet sequence of its own, with its own interned names and a clock that
/// counts from packet to packet, so a call costs some 30 bytes. Slices are begun and ended as
/// the calls were; the end of a call that did not return has the annotation `ended`. An entry
/// without a known end, and a loss, are instants. The trace's clock is CLOCK_MONOTONIC.
///
/// Perfetto's trace processor drops slices below a depth of 512 on one track and then takes
/// their ends for others' ends; so calls deeper than `levelCallCount` go to further tracks
/// below the thread's, one for each such level, and none is lost.
///
/// What is rare goes through the generated messages. Begins and ends are written by
/// `PerfettoPacket`, which is checked against the messages byte for byte.
struct PerfettoExporter: Exporter {
    static let levelCallCount = 500
    /// The sequence-scoped clock: 64 is the first number for such.
    static let deltaClock: UInt32 = 64
    static let lostNameID: UInt64 = 1 << 32

    private let trace: Trace
    private let output: OutputBuffer
    /// The thread's packet sequence. The first one has the processes.
    private var sequence: UInt32 = 1
    /// The last sequence on which a function's name was interned.
    private var namedOn = FunctionTable<UInt32>()
    private var categoryNamedOn: [String: UInt32] = [:]
    private var categories: [String: UInt64] = [:]
    private var categoryOf = FunctionTable<UInt64>()
    private var isLostNamed = false
    /// The track of depth 0 ..< `levelCallCount`; those of deeper levels follow it.
    private var threadTrack: UInt64 = 0
    private var levelCount = 1
    private var threadName = ""
    private var threadID: UInt32 = 0
    private var lastNanos: UInt64 = 0

    init(trace: Trace, output: OutputBuffer) {
        self.trace = trace
        self.output = output
        for process in ExportedProcess.all(in: trace) {
            put(
                .with {
                    $0.trackDescriptor.uuid = Self.processTrack(process.process)
                    $0.trackDescriptor.process.pid = Int32(truncatingIfNeeded: process.process)
                    $0.trackDescriptor.process.processName = process.name
                    $0.trackDescriptor.process.cmdline = process.commandLine
                })
        }
    }

    static func processTrack(_ process: UInt32) -> UInt64 { 1 << 60 | UInt64(process) }

    mutating func began(_ thread: TraceThread) {
        sequence += 1
        isLostNamed = false
        levelCount = 1
        lastNanos = 0
        threadTrack = UInt64(sequence) << 20
        threadID = thread.thread
        threadName = thread.shownName(in: trace)
        put(
            .with {
                $0.trackDescriptor.uuid = threadTrack
                $0.trackDescriptor.parentUuid = Self.processTrack(thread.process)
                $0.trackDescriptor.thread.pid = Int32(truncatingIfNeeded: thread.process)
                $0.trackDescriptor.thread.tid = Int64(thread.thread)
                $0.trackDescriptor.thread.threadName = threadName
            })
        put(
            .with {
                $0.clockSnapshot.primaryTraceClock = .monotonic
                $0.clockSnapshot.clocks = [
                    .with {
                        $0.clockID = Self.deltaClock
                        $0.timestamp = 0
                        $0.isIncremental = true
                    },
                    .with {
                        $0.clockID = UInt32(Perfetto_Protos_BuiltinClock.monotonic.rawValue)
                        $0.timestamp = 0
                    },
                ]
                $0.sequenceFlags = UInt32(Perfetto_Protos_TracePacket.SequenceFlags.seqIncrementalStateCleared.rawValue)
                $0.firstPacketOnSequence = true
                $0.tracePacketDefaults.timestampClockID = Self.deltaClock
                $0.tracePacketDefaults.trackEventDefaults.trackUuid = threadTrack
            })
    }

    mutating func ended(_ thread: TraceThread) {}

    mutating func finish() {}

    mutating func entered(_ function: UInt32, atNanos: UInt64, depth: Int) {
        if namedOn[function] != sequence { intern(function) }
        let packet = PerfettoPacket(
            type: .sliceBegin, deltaNanos: delta(to: atNanos), sequence: sequence,
            category: categoryOf[function] ?? 0, name: UInt64(function), track: track(atDepth: depth))
        packet.put(into: output)
    }

    mutating func left(
        _ function: UInt32, enteredAtNanos: UInt64, atNanos: UInt64, depth: Int, how: CallEnd
    ) {
        let packet = PerfettoPacket(
            type: .sliceEnd, deltaNanos: delta(to: atNanos), sequence: sequence,
            category: 0, name: 0, track: track(atDepth: depth))
        guard how != .returned else { return packet.put(into: output) }
        var message = packet.message
        message.trackEvent.debugAnnotations = [
            .with {
                $0.name = "ended"
                $0.stringValue = "\(how.phrase)"
            }
        ]
        put(message)
    }

    mutating func passed(_ function: UInt32, atNanos: UInt64, depth: Int) {
        if namedOn[function] != sequence { intern(function) }
        let packet = PerfettoPacket(
            type: .instant, deltaNanos: delta(to: atNanos), sequence: sequence,
            category: categoryOf[function] ?? 0, name: UInt64(function), track: track(atDepth: depth))
        packet.put(into: output)
    }

    mutating func lost(_ eventCount: UInt64, atNanos: UInt64) {
        let packet = PerfettoPacket(
            type: .instant, deltaNanos: delta(to: atNanos), sequence: sequence,
            category: 0, name: Self.lostNameID, track: 0)
        var message = packet.message
        if !isLostNamed {
            message.internedData.eventNames = [
                .with {
                    $0.iid = Self.lostNameID
                    $0.name = "events lost"
                }
            ]
        }
        isLostNamed = true
        message.trackEvent.debugAnnotations = [
            .with {
                $0.name = "count"
                if eventCount > 0 { $0.uintValue = eventCount } else { $0.stringValue = "unknown" }
            }
        ]
        put(message)
    }

    /// Nanoseconds since the packet before. Time that goes back counts as none: a slice never
    /// ends before it begins.
    private mutating func delta(to nanos: UInt64) -> UInt64 {
        guard nanos > lastNanos else { return 0 }
        defer { lastNanos = nanos }
        return nanos - lastNanos
    }

    /// The track to name for a call at `depth`, 0 for the thread's own.
    @inline(__always)
    private mutating func track(atDepth depth: Int) -> UInt64 {
        depth < Self.levelCallCount ? 0 : deepTrack(level: depth / Self.levelCallCount)
    }

    private mutating func deepTrack(level: Int) -> UInt64 {
        while levelCount <= level {
            let first = levelCount
            put(
                .with {
                    $0.trackDescriptor.uuid = threadTrack + UInt64(first)
                    $0.trackDescriptor.parentUuid = threadTrack
                    $0.trackDescriptor.name =
                        "\(threadName) \(threadID): depth \(first * Self.levelCallCount) and deeper"
                })
            levelCount += 1
        }
        return threadTrack + UInt64(level)
    }

    /// Names a function, and its module as the category, for the packets of this sequence.
    private mutating func intern(_ function: UInt32) {
        let named = trace.function(function)
        let module = named.moduleName
        let category = categories[module] ?? UInt64(categories.count + 1)
        categories[module] = category
        let isCategoryNew = categoryNamedOn.updateValue(sequence, forKey: module) != sequence
        put(
            .with {
                $0.sequenceFlags = UInt32(Perfetto_Protos_TracePacket.SequenceFlags.seqNeedsIncrementalState.rawValue)
                $0.internedData.eventNames = [
                    .with {
                        $0.iid = UInt64(function)
                        $0.name = named.displayName
                    }
                ]
                guard isCategoryNew else { return }
                $0.internedData.eventCategories = [
                    .with {
                        $0.iid = category
                        $0.name = module
                    }
                ]
            })
        namedOn.set(sequence, of: function)
        categoryOf.set(category, of: function)
    }

    /// Writes a packet as one more element of the `Trace` message.
    private func put(_ packet: Perfetto_Protos_TracePacket) {
        var packet = packet
        packet.trustedPacketSequenceID = sequence
        let message = Perfetto_Protos_Trace.with { $0.packet = [packet] }
        // Only a missing required field or a message above 2 GiB makes this fail; there are none.
        guard let bytes: [UInt8] = try? message.serializedBytes() else { return }
        output.put(bytes)
    }
}
