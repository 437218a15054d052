import Reading
import SwiftProtobuf
import Testing
import TraceFormat

@testable import Exporting

/// Reads the packets back through the generated messages, as a viewer does.
@Suite struct PerfettoExporterTests {
    private func packets(_ sample: SampleTrace) throws -> [Perfetto_Protos_TracePacket] {
        let trace = try sample.opened()
        let bytes = try written { try TraceExport(format: .perfetto).write(trace, to: $0) }
        return try Perfetto_Protos_Trace(serializedBytes: bytes).packet
    }

    /// Each event as text: thread, nanoseconds, what happened.
    private func events(_ packets: [Perfetto_Protos_TracePacket]) throws -> [String] {
        var tracks: [UInt64: Perfetto_Protos_TrackDescriptor] = [:]
        var names: [UInt32: [UInt64: String]] = [:]
        var defaultTracks: [UInt32: UInt64] = [:]
        var clocks: [UInt32: UInt64] = [:]
        var events: [String] = []
        for packet in packets {
            let sequence = packet.trustedPacketSequenceID
            if packet.hasTracePacketDefaults {
                defaultTracks[sequence] = packet.tracePacketDefaults.trackEventDefaults.trackUuid
                #expect(packet.tracePacketDefaults.timestampClockID == PerfettoExporter.deltaClock)
                #expect(packet.sequenceFlags == 1)
                #expect(packet.clockSnapshot.primaryTraceClock == .monotonic)
                clocks[sequence] = packet.clockSnapshot.clocks.first { $0.isIncremental }?.timestamp
            }
            for name in packet.internedData.eventNames { names[sequence, default: [:]][name.iid] = name.name }
            switch packet.data {
            case .trackDescriptor(let track): tracks[track.uuid] = track
            case .trackEvent(let event):
                #expect(packet.sequenceFlags == 2)
                clocks[sequence, default: 0] += packet.timestamp
                let uuid = event.hasTrackUuid ? event.trackUuid : defaultTracks[sequence, default: 0]
                let track = try #require(tracks[uuid])
                let place = track.hasThread ? track.thread.threadName : track.name
                let name = event.nameIid == 0 ? "" : try #require(names[sequence]?[event.nameIid])
                let notes = event.debugAnnotations.map {
                    " \($0.name)=" + ($0.stringValue.isEmpty ? "\($0.uintValue)" : $0.stringValue)
                }
                let type = [.sliceBegin: "begin", .sliceEnd: "end", .instant: "instant"][event.type] ?? "?"
                events.append("\(place) \(clocks[sequence, default: 0]) \(type) \(name)\(notes.joined())")
            default: break
            }
        }
        return events
    }

    @Test func tellsTheStory() throws {
        #expect(
            try events(packets(.story)) == [
                "main 1000100 begin main", "main 1000150 begin parse", "main 1001400 end ",
                "main 1001500 begin parse", "main 1001600 begin throw\"s",
                "main 1001700 end  ended=unwound", "main 1001750 end  ended=unwound",
                "main 1001800 instant lean", "main 1003000 instant events lost count=12",
                "main 1003000 begin parse", "main 1003100 end ",
                "main 1003100 end  ended=open when the recording ended",
                "helper 1000200 begin work", "helper 1000300 begin work", "helper 1000400 end ",
                "helper 1000500 end ",
            ])
    }

    @Test func namesProcessesAndThreads() throws {
        let tracks = try packets(.story).compactMap { packet -> Perfetto_Protos_TrackDescriptor? in
            guard case .trackDescriptor(let track) = packet.data else { return nil }
            return track
        }
        #expect(tracks.map(\.process.pid) == [70, 0, 0])
        #expect(tracks[0].process.processName == "app")
        #expect(tracks[0].process.cmdline == ["./app", "-x"])
        #expect(tracks[1...].map(\.thread.tid) == [70, 71])
        #expect(tracks[1...].map(\.thread.pid) == [70, 70])
        #expect(tracks[1...].allSatisfy { $0.parentUuid == tracks[0].uuid })
        #expect(Set(tracks.map(\.uuid)).count == 3)
    }

    /// 1,200 calls deep: three levels of tracks, each with as many ends as begins.
    @Test func spreadsDeepStacksOverTracks() throws {
        let calls = SampleTrace.descent(to: 1200, tickStep: 1)
        let sample = SampleTrace(
            functions: [("deep", true)], blocks: [.init(thread: 0, events: calls)])
        let found = try events(packets(sample))
        #expect(found.count == 2400)
        for (track, count) in [
            ("main 1", 500), ("main 70: depth 500 and deeper", 500), ("main 70: depth 1000 and deeper", 200),
        ] {
            let own = found.filter { $0.hasPrefix(track) }
            #expect(own.filter { $0.contains("begin deep") }.count == count)
            #expect(own.filter { $0.contains("end ") }.count == count)
        }
    }
}
