import CSupport
import Glibc
import Reading
import TraceFormat

/// The trace file of a session, shared by the thread that drains blocks and the one that talks
/// to agents. After the first failure (a full disk) nothing more is written; what was written
/// stays readable.
final class TraceOutput: @unchecked Sendable {
    private let lock = Lock()
    private let writer: ChunkWriter
    private var failure: ChunkWriterError?

    init(path: String) throws { writer = try ChunkWriter.create(path: path) }

    /// Why writing stopped; nil while all is well.
    var error: ChunkWriterError? {
        lock.lock()
        defer { lock.unlock() }
        return failure
    }

    func append(_ record: some ChunkRecord) {
        attempt { writer throws(ChunkWriterError) in try writer.append(record: record) }
    }

    /// Returns false when the words could not be written.
    @discardableResult
    func append(_ head: EventsHead, _ words: UnsafeRawBufferPointer) -> Bool {
        attempt { writer throws(ChunkWriterError) in unsafe try writer.appendEvents(head: head, words: words) }
    }

    func finish() {
        attempt { writer throws(ChunkWriterError) in try writer.close() }
    }

    @discardableResult
    private func attempt(_ write: (ChunkWriter) throws(ChunkWriterError) -> Void) -> Bool {
        lock.lock()
        defer { lock.unlock() }
        guard failure == nil else { return false }
        do {
            try write(writer)
            return true
        } catch {
            failure = error
            return false
        }
    }

    /// One moment on three clocks, taken as close together as the scheduler allows.
    func appendClockFit() {
        var best: (span: UInt64, fit: ClockFitRecord)?
        for _ in 0..<8 {
            let before = nopal_ticks()
            let monotonic = nopal_clock_nanos(CLOCK_MONOTONIC)
            let after = nopal_ticks()
            let realtime = nopal_clock_nanos(CLOCK_REALTIME)
            let span = after &- before
            let fit = ClockFitRecord(tick: before &+ span / 2, monotonicNanos: monotonic, realtimeNanos: realtime)
            if best.map({ span < $0.span }) ?? true { best = (span, fit) }
        }
        if let best { append(best.fit) }
    }
}
