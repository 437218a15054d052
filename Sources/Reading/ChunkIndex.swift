import TraceFormat

/// Where one block lies in the file.
struct BlockReference: Sendable {
    var head: EventsHead
    /// Where the payload (head and words) begins.
    var payloadOffset: UInt64
    var payloadByteCount: UInt32
    var payloadChecksum: UInt64

    var wordCount: Int { (Int(payloadByteCount) - EventsHead.byteCount) / EventWord.byteCount }
}

/// One pass over the chunk headers of a file: records are read, blocks are only noted.
///
/// The words of blocks are verified later, by whoever reads them.
struct ChunkIndex {
    var session: SessionRecord?
    var modules: [ModuleRecord] = []
    var processes: [ProcessRecord] = []
    var loads: [LoadRecord] = []
    var threads: [ThreadRecord] = []
    var clockFits: [ClockFitRecord] = []
    var ledger: LedgerRecord?
    var blocks: [BlockReference] = []
    var faults: [TraceFault] = []
    private var hasEnd = false

    init(_ source: TraceSource) throws(TraceError) {
        try checkFileHeader(source)
        var offset = UInt64(TraceFile.headerByteCount)
        while offset < source.byteCount, let header = try nextHeader(source, at: offset) {
            let payloadOffset = offset + UInt64(TraceFile.chunkHeaderByteCount)
            guard payloadOffset + header.payloadByteCount <= source.byteCount else {
                addTail(source, at: offset, .incomplete, "the file ends within a chunk")
                break
            }
            try note(header, source, payloadOffset)
            try checkPadding(header, source, payloadOffset + header.payloadByteCount)
            offset = payloadOffset + header.paddedPayloadByteCount
        }
        if !hasEnd && faults.isEmpty {
            add(.incomplete, "the trace has no end mark: its recorder was stopped before it could finish")
        }
    }

    private mutating func checkFileHeader(_ source: TraceSource) throws(TraceError) {
        guard source.byteCount > 0 else { throw .empty(path: source.path) }
        let bytes = try source.bytes(at: 0, count: TraceFile.headerByteCount)
        guard let version = try? FileHeader.version(of: bytes[...]) else { throw .foreign(path: source.path) }
        guard version == TraceFile.version else { throw .otherVersion(path: source.path, version: version) }
        if bytes.dropFirst(FileHeader.reservedOffset).contains(where: { $0 != 0 }) {
            add(.damaged, "reserved bytes of the file header are not zero; they are passed over")
        }
    }

    /// No checksum covers the zeros after a payload, so they are looked at.
    private mutating func checkPadding(_ header: ChunkHeader, _ source: TraceSource, _ offset: UInt64)
        throws(TraceError)
    {
        let count = Int(header.paddedPayloadByteCount - header.payloadByteCount)
        guard count > 0, try source.bytes(at: offset, count: count).contains(where: { $0 != 0 }) else { return }
        add(.damaged, "the padding at byte \(offset) is not zero; it is passed over")
    }

    private mutating func nextHeader(_ source: TraceSource, at offset: UInt64) throws(TraceError) -> ChunkHeader? {
        let bytes = try source.bytes(at: offset, count: TraceFile.chunkHeaderByteCount)
        do throws(FormatError) {
            return try ChunkHeader(bytes[...]) { Checksum.of($0) }
        } catch .truncated {
            addTail(source, at: offset, .incomplete, "the file ends within a chunk")
        } catch {
            addTail(source, at: offset, .damaged, "a chunk header is damaged")
        }
        return nil
    }

    private mutating func add(_ kind: TraceFault.Kind, _ sentence: String) {
        faults.append(TraceFault(kind: kind, sentence: sentence))
    }

    private mutating func addTail(_ source: TraceSource, at offset: UInt64, _ kind: TraceFault.Kind, _ why: String) {
        add(kind, "\(why) at byte \(offset): the last \(source.byteCount - offset) bytes are left out")
    }

    private mutating func note(_ header: ChunkHeader, _ source: TraceSource, _ offset: UInt64) throws(TraceError) {
        switch header.knownType {
        case .events: try noteBlock(header, source, offset)
        case .end: hasEnd = true
        case nil: break
        case .some(let type): try noteRecord(type, header, source, offset)
        }
    }

    private mutating func noteBlock(_ header: ChunkHeader, _ source: TraceSource, _ offset: UInt64) throws(TraceError) {
        let bytes = try source.bytes(at: offset, count: EventsHead.byteCount)
        var reader = ByteReader(bytes)
        guard header.payloadByteCount >= UInt64(EventsHead.byteCount),
            let byteCount = UInt32(exactly: header.payloadByteCount),
            let head = try? EventsHead(from: &reader)
        else {
            add(.damaged, "the block at byte \(offset) is too short to hold events and is left out")
            return
        }
        blocks.append(
            BlockReference(
                head: head, payloadOffset: offset, payloadByteCount: byteCount,
                payloadChecksum: header.payloadChecksum))
    }

    private mutating func noteRecord(
        _ type: ChunkType, _ header: ChunkHeader, _ source: TraceSource, _ offset: UInt64
    ) throws(TraceError) {
        guard let count = Int(exactly: header.payloadByteCount) else { return }
        let bytes = try source.bytes(at: offset, count: count)
        guard bytes.count == count, Checksum.of(bytes) == header.payloadChecksum else {
            add(.damaged, "the \(type) record at byte \(offset) fails its checksum and is left out")
            return
        }
        do throws(FormatError) { try keep(type, bytes[...]) } catch {
            add(.damaged, "the \(type) record at byte \(offset) cannot be read (\(error)) and is left out")
        }
    }

    /// A later record of a module names functions that were enabled since, and counts all.
    private mutating func keep(_ module: ModuleRecord) {
        guard let known = modules.firstIndex(where: { $0.index == module.index }) else { return modules.append(module) }
        var merged = module
        merged.functions = modules[known].functions + module.functions
        modules[known] = merged
    }

    private mutating func keep(_ type: ChunkType, _ payload: ArraySlice<UInt8>) throws(FormatError) {
        switch type {
        case .session: session = try SessionRecord(payload: payload)
        case .module: keep(try ModuleRecord(payload: payload))
        case .process: processes.append(try ProcessRecord(payload: payload))
        case .load: loads.append(try LoadRecord(payload: payload))
        case .thread: threads.append(try ThreadRecord(payload: payload))
        case .clockFit: clockFits.append(try ClockFitRecord(payload: payload))
        case .ledger: ledger = try LedgerRecord(payload: payload)
        case .events, .end: break
        }
    }
}
