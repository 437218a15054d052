import Glibc
import TraceFormat

/// Why a chunk could not be appended.
public enum ChunkWriterError: Error, Equatable, Sendable, CustomStringConvertible {
    case cannotCreate(path: String, errno: Int32)
    /// The disk, or the quota on it, is full; what was written before stays readable.
    case diskFull(path: String, keptByteCount: UInt64)
    case cannotWrite(path: String, errno: Int32, keptByteCount: UInt64)
    case tooLong(byteCount: Int)

    public var description: String {
        switch self {
        case .cannotCreate(let path, let code):
            "cannot create \(path): \(reason(code)); choose another place with -o"
        case .diskFull(let path, let kept):
            "no space left for \(path); its first \(kept) bytes are whole and can be read"
        case .cannotWrite(let path, let code, let kept):
            "cannot write to \(path): \(reason(code)); its first \(kept) bytes are whole and can be read"
        case .tooLong(let byteCount):
            "a chunk of \(byteCount) bytes is longer than the format allows (\(TraceFile.maximumPayloadByteCount))"
        }
    }

    private func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}

/// Appends the header and chunks of one trace file.
///
/// After an error the file is cut back to its last whole chunk, and every later call throws the
/// same error. One thread at a time may use a writer.
public final class ChunkWriter {
    /// Bytes of header and whole chunks that were written.
    public private(set) var byteCount: UInt64 = 0
    private let descriptor: Int32
    private let name: String
    private let runningChecksum = RunningChecksum()
    private var failure: ChunkWriterError?
    private var isClosed = false

    /// Takes over the descriptor (it is closed with the writer) and writes the file header.
    public init(fileDescriptor: Int32, name: String = "the trace") throws(ChunkWriterError) {
        descriptor = fileDescriptor
        self.name = name
        try write([FileHeader.encoded()], nil, zeros: 0)
    }

    /// Creates the file, or empties the one that is there.
    public static func create(path: String) throws(ChunkWriterError) -> ChunkWriter {
        let descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .cannotCreate(path: path, errno: errno) }
        return try ChunkWriter(fileDescriptor: descriptor, name: path)
    }

    deinit {
        if !isClosed { _ = Glibc.close(descriptor) }
    }

    public func append(type: ChunkType, payload: [UInt8]) throws(ChunkWriterError) {
        let header = try header(type, payload.count, checksum: Checksum.of(payload))
        try write([header, payload], nil, zeros: -payload.count & 7)
    }

    public func append<Record: ChunkRecord>(record: Record) throws(ChunkWriterError) {
        try append(type: Record.chunkType, payload: record.payload)
    }

    /// Appends one block. The words are written from where they lie.
    public func appendEvents(head: EventsHead, words: UnsafeRawBufferPointer) throws(ChunkWriterError) {
        var writer = ByteWriter()
        head.write(to: &writer)
        let checksum = runningChecksum.of(writer.bytes, words)
        let header = try header(.events, writer.bytes.count + words.count, checksum: checksum)
        try write([header + writer.bytes], words, zeros: -words.count & 7)
    }

    /// Appends the `end` chunk, which says that nothing is missing, and closes the file.
    public func close() throws(ChunkWriterError) {
        guard !isClosed else { return }
        try append(type: .end, payload: [])
        isClosed = true
        if Glibc.close(descriptor) != 0 { throw fault(errno) }
    }

    private func header(_ type: ChunkType, _ byteCount: Int, checksum: UInt64) throws(ChunkWriterError) -> [UInt8] {
        guard byteCount <= TraceFile.maximumPayloadByteCount else { throw .tooLong(byteCount: byteCount) }
        return ChunkHeader(
            type: type, payloadByteCount: UInt64(byteCount), payloadChecksum: checksum
        ).encoded { Checksum.of($0) }
    }

    /// Writes all of it or cuts the file back to where it was.
    private func write(
        _ parts: [[UInt8]], _ words: UnsafeRawBufferPointer?, zeros: Int
    ) throws(ChunkWriterError) {
        if let failure { throw failure }
        let front = parts.flatMap { $0 } + (words == nil ? [UInt8](repeating: 0, count: zeros) : [])
        let back = [UInt8](repeating: 0, count: words == nil ? 0 : zeros)
        let code = front.withUnsafeBytes { front in
            back.withUnsafeBytes { back in
                writeFully([front, words ?? UnsafeRawBufferPointer(start: nil, count: 0), back])
            }
        }
        guard code == 0 else {
            let fault = fault(code)
            failure = fault
            _ = ftruncate(descriptor, off_t(byteCount))
            _ = lseek(descriptor, off_t(byteCount), SEEK_SET)
            throw fault
        }
        byteCount += UInt64(front.count + (words?.count ?? 0) + back.count)
    }

    /// Returns 0, or the errno that stopped it.
    private func writeFully(_ buffers: [UnsafeRawBufferPointer]) -> Int32 {
        var rest = buffers.filter { !$0.isEmpty }
        while let first = rest.first {
            let vectors = rest.map {
                iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count)
            }
            let written = writev(descriptor, vectors, Int32(vectors.count))
            if written < 0 {
                if errno == EINTR { continue }
                return errno
            }
            if written == 0 && !first.isEmpty { return ENOSPC }
            rest = dropping(written, from: rest)
        }
        return 0
    }

    private func dropping(_ count: Int, from buffers: [UnsafeRawBufferPointer]) -> [UnsafeRawBufferPointer] {
        var count = count
        var rest: [UnsafeRawBufferPointer] = []
        for buffer in buffers {
            let here = min(count, buffer.count)
            count -= here
            if here < buffer.count { rest.append(UnsafeRawBufferPointer(rebasing: buffer[here...])) }
        }
        return rest
    }

    private func fault(_ code: Int32) -> ChunkWriterError {
        if code == ENOSPC || code == EDQUOT || code == EFBIG {
            return .diskFull(path: name, keptByteCount: byteCount)
        }
        return .cannotWrite(path: name, errno: code, keptByteCount: byteCount)
    }
}
