import Reading
import TraceFormat

/// The trace file of a session, shared by the thread that drains blocks and the one that talks
/// to agents. After the first failure (a full disk) nothing more is written; what was written
/// stays readable.
final class TraceOutput: @unchecked Sendable {
    private let lock = Lock()
    private let writer: ChunkWriter
    private var failure: ChunkWriterError?

    let clock: TickSource

    init(path: String, clock: TickSource) throws {
        writer = try ChunkWriter.create(path: path)
        self.clock = clock
    }

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

    /// Nothing while the clock of the program is not known.
    func appendClockFit() {
        guard clock.isKnown else { return }
        let fit = clock.fit()
        append(
            ClockFitRecord(tick: fit.ticks, monotonicNanos: fit.monotonicNanos, realtimeNanos: fit.realtimeNanos))
    }
}
