import Glibc
import TraceFormat
import CXXHash
public struct ChunkWriterError: Error, Equatable { }
public final class ChunkWriter { let fd: Int32
  init(_ f: Int32) { fd = f }
  public static func create(path: String) throws -> ChunkWriter { let f = open(path, O_CREAT|O_TRUNC|O_RDWR|O_CLOEXEC, 0o644); var w = ByteWriter(); w.fixed(TraceFile.magic); w.fixed(UInt32(1)); w.fixed(UInt32(0)); w.fixed(UInt64(0)); w.fixed(UInt64(0)); _ = w.bytes.withUnsafeBytes { write(f, $0.baseAddress, $0.count) }; return ChunkWriter(f) }
  func chunk(_ t: UInt32, _ b: [UInt8]) { var w = ByteWriter(); w.fixed(TraceFile.chunkMagic); w.fixed(t); w.fixed(UInt64(b.count)); w.fixed(UInt64(0)); w.fixed(UInt64(0)); var o = w.bytes + b; while o.count % 8 != 0 { o.append(0) }; _ = o.withUnsafeBytes { write(fd, $0.baseAddress, $0.count) } }
  public func append(record: some ChunkRecord) throws(ChunkWriterError) { chunk(type(of: record).chunkType.rawValue, record.payload) }
  public func appendEvents(head: EventsHead, words: UnsafeRawBufferPointer) throws(ChunkWriterError) { var w = ByteWriter(); head.write(to: &w); chunk(6, w.bytes + Array(words)) }
  public func finish() throws(ChunkWriterError) { chunk(9, []) ; close(fd) }
}
