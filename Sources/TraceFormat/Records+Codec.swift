/// A record that is the payload of one chunk.
public protocol ChunkRecord: Equatable, Sendable {
    static var chunkType: ChunkType { get }
    func write(to writer: inout ByteWriter)
    init(from reader: inout ByteReader) throws(FormatError)
}

extension ChunkRecord {
    public var payload: [UInt8] {
        var writer = ByteWriter()
        write(to: &writer)
        return writer.bytes
    }

    public init(payload: ArraySlice<UInt8>) throws(FormatError) {
        var reader = ByteReader(payload)
        try self.init(from: &reader)
    }
}

extension SessionRecord: ChunkRecord {
    public static var chunkType: ChunkType { .session }

    public func write(to writer: inout ByteWriter) {
        writer.string(nopalVersion)
        writer.string(hostName)
        writer.string(kernel)
        writer.list(commandLine) { $0.string($1) }
        writer.varint(startRealtimeNanos)
        writer.varint(whenFull.rawValue)
        writer.varint(bufferByteCount)
        writer.list(filters) { $0.string($1) }
        writer.flag(recordsExits)
    }

    public init(from reader: inout ByteReader) throws(FormatError) {
        nopalVersion = try reader.string()
        hostName = try reader.string()
        kernel = try reader.string()
        commandLine = try reader.list { (reader) throws(FormatError) in try reader.string() }
        startRealtimeNanos = try reader.varint()
        guard let mode = WhenFull(rawValue: try reader.varint32()) else { throw .invalid(field: "whenFull") }
        whenFull = mode
        bufferByteCount = try reader.varint()
        filters = try reader.list { (reader) throws(FormatError) in try reader.string() }
        recordsExits = try reader.flag()
    }
}

extension ModuleRecord: ChunkRecord {
    public static var chunkType: ChunkType { .module }

    public func write(to writer: inout ByteWriter) {
        writer.varint(index)
        writer.string(path)
        writer.blob(buildID)
        writer.varint(siteCount)
        writer.varint(tracedCount)
        writer.list(notTraced) { writer, tally in
            writer.string(tally.reason)
            writer.varint(tally.count)
            writer.list(tally.examples) { $0.string($1) }
        }
        writer.list(functions) { writer, function in
            writer.varint(function.id)
            writer.string(function.name)
            writer.varint(function.address)
            writer.varint(function.byteCount)
            writer.flag(function.hasExits)
        }
    }

    public init(from reader: inout ByteReader) throws(FormatError) {
        index = try reader.varint32()
        path = try reader.string()
        buildID = try reader.blob()
        siteCount = try reader.varint()
        tracedCount = try reader.varint()
        notTraced = try reader.list { (reader) throws(FormatError) in
            let reason = try reader.string()
            let count = try reader.varint()
            let examples = try reader.list { (reader) throws(FormatError) in try reader.string() }
            return SiteTally(reason: reason, count: count, examples: examples)
        }
        functions = try reader.list { (reader) throws(FormatError) in
            let id = try reader.varint32()
            let name = try reader.string()
            let address = try reader.varint()
            let byteCount = try reader.varint()
            return FunctionRecord(
                id: id, name: name, address: address, byteCount: byteCount,
                hasExits: try reader.flag())
        }
    }
}

extension ProcessRecord: ChunkRecord {
    public static var chunkType: ChunkType { .process }

    public func write(to writer: inout ByteWriter) {
        writer.varint(process)
        writer.varint(parent)
        writer.varint(origin.rawValue)
        writer.string(executable)
        writer.varint(tick)
        writer.flag(hasEnded)
    }

    public init(from reader: inout ByteReader) throws(FormatError) {
        process = try reader.varint32()
        parent = try reader.varint32()
        guard let kind = ProcessOrigin(rawValue: try reader.varint32()) else { throw .invalid(field: "origin") }
        origin = kind
        executable = try reader.string()
        tick = try reader.varint()
        hasEnded = try reader.flag()
    }
}

extension LoadRecord: ChunkRecord {
    public static var chunkType: ChunkType { .load }

    public func write(to writer: inout ByteWriter) {
        writer.varint(process)
        writer.varint(moduleIndex)
        writer.varint(bias)
        writer.varint(tick)
        writer.flag(isUnload)
    }

    public init(from reader: inout ByteReader) throws(FormatError) {
        process = try reader.varint32()
        moduleIndex = try reader.varint32()
        bias = try reader.varint()
        tick = try reader.varint()
        isUnload = try reader.flag()
    }
}

extension ThreadRecord: ChunkRecord {
    public static var chunkType: ChunkType { .thread }

    public func write(to writer: inout ByteWriter) {
        writer.varint(serial)
        writer.varint(process)
        writer.varint(thread)
        writer.string(name)
    }

    public init(from reader: inout ByteReader) throws(FormatError) {
        serial = try reader.varint32()
        process = try reader.varint32()
        thread = try reader.varint32()
        name = try reader.string()
    }
}

extension ClockFitRecord: ChunkRecord {
    public static var chunkType: ChunkType { .clockFit }

    public func write(to writer: inout ByteWriter) {
        writer.varint(tick)
        writer.varint(monotonicNanos)
        writer.varint(realtimeNanos)
    }

    public init(from reader: inout ByteReader) throws(FormatError) {
        tick = try reader.varint()
        monotonicNanos = try reader.varint()
        realtimeNanos = try reader.varint()
    }
}

extension LedgerRecord: ChunkRecord {
    public static var chunkType: ChunkType { .ledger }

    public func write(to writer: inout ByteWriter) {
        writer.varint(lostEvents)
        writer.varint(waitedNanos)
        writer.list(notes) { $0.string($1) }
        writer.flag(waitStatus != nil)
        writer.varint(UInt32(bitPattern: waitStatus ?? 0))
    }

    public init(from reader: inout ByteReader) throws(FormatError) {
        lostEvents = try reader.varint()
        waitedNanos = try reader.varint()
        notes = try reader.list { (reader) throws(FormatError) in try reader.string() }
        let isKnown = try reader.flag()
        let status = Int32(bitPattern: try reader.varint32())
        waitStatus = isKnown ? status : nil
    }
}

extension EventsHead {
    public func write(to writer: inout ByteWriter) {
        writer.fixed(threadSerial)
        writer.fixed(sequence)
        writer.fixed(lostBefore)
        writer.fixed(order)
        writer.fixed(openCalls)
        writer.fixed(flags)
    }

    public init(from reader: inout ByteReader) throws(FormatError) {
        threadSerial = try reader.fixed(UInt32.self)
        sequence = try reader.fixed(UInt32.self)
        lostBefore = try reader.fixed(UInt64.self)
        order = try reader.fixed(UInt64.self)
        openCalls = try reader.fixed(UInt32.self)
        flags = try reader.fixed(UInt32.self)
    }
}
