/// The first 32 bytes of a trace file.
public enum FileHeader {
    /// From here to the header's end a writer puts zeros: flags, of which there are none yet, and spare bytes.
    public static let reservedOffset = 12

    public static func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.fixed(TraceFile.magic)
        writer.fixed(TraceFile.version)
        writer.fixed(UInt32(0))
        writer.fixed(UInt64(0))
        writer.fixed(UInt64(0))
        return writer.bytes
    }

    /// The version of the format that the file was written in.
    ///
    /// Throws: `.truncated` for less than a header, `.invalid("magic")` when it is no trace.
    public static func version(of bytes: ArraySlice<UInt8>) throws(FormatError) -> UInt32 {
        var reader = ByteReader(bytes)
        guard try reader.fixed(UInt64.self) == TraceFile.magic else { throw .invalid(field: "magic") }
        let version = try reader.fixed(UInt32.self)
        _ = try reader.fixed(UInt32.self)
        _ = try reader.fixed(UInt64.self)
        _ = try reader.fixed(UInt64.self)
        return version
    }
}

/// The 32 bytes before a chunk's payload, as `TraceFile` draws them.
///
/// This module imports nothing, so callers pass XXH3-64 in.
public struct ChunkHeader: Equatable, Sendable {
    /// The raw type: a reader passes over types that it does not know.
    public var type: UInt32
    /// Without the padding to 8 bytes that follows the payload.
    public var payloadByteCount: UInt64
    /// XXH3-64 of the payload.
    public var payloadChecksum: UInt64

    public init(type: ChunkType, payloadByteCount: UInt64, payloadChecksum: UInt64) {
        self.type = type.rawValue
        self.payloadByteCount = payloadByteCount
        self.payloadChecksum = payloadChecksum
    }

    public var knownType: ChunkType? { ChunkType(rawValue: type) }

    /// Payload and padding: how far away the next chunk's header is.
    public var paddedPayloadByteCount: UInt64 { (payloadByteCount &+ 7) & ~7 }

    public func encoded(checksum: ([UInt8]) -> UInt64) -> [UInt8] {
        var writer = ByteWriter()
        writer.fixed(TraceFile.chunkMagic)
        writer.fixed(type)
        writer.fixed(payloadByteCount)
        writer.fixed(payloadChecksum)
        writer.fixed(checksum(writer.bytes))
        return writer.bytes
    }

    /// Throws: `.truncated` for less than 32 bytes; `.invalid` naming the field at fault.
    public init(_ bytes: ArraySlice<UInt8>, checksum: ([UInt8]) -> UInt64) throws(FormatError) {
        var reader = ByteReader(bytes)
        guard try reader.fixed(UInt32.self) == TraceFile.chunkMagic else {
            throw .invalid(field: "chunk magic")
        }
        type = try reader.fixed(UInt32.self)
        payloadByteCount = try reader.fixed(UInt64.self)
        payloadChecksum = try reader.fixed(UInt64.self)
        let expected = try reader.fixed(UInt64.self)
        guard checksum(Array(bytes.prefix(24))) == expected else {
            throw .invalid(field: "chunk header checksum")
        }
        guard payloadByteCount <= UInt64(TraceFile.maximumPayloadByteCount) else {
            throw .invalid(field: "chunk length")
        }
    }
}
