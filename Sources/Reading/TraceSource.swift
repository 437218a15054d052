import Glibc

/// The bytes of a trace file, read with `pread`.
///
/// Not mapped: a mapped page that a writer cuts off while it is read kills the reader with
/// SIGBUS, and mapped pages of a large trace count as this process's memory. A copy of 64 KiB
/// costs less than the page faults it saves.
final class TraceSource: Sendable {
    let path: String
    let byteCount: UInt64
    private let descriptor: Int32

    init(path: String) throws(TraceError) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .cannotOpen(path: path, errno: errno) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .cannotOpen(path: path, errno: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile(path: path) }
        byteCount = UInt64(clamping: status.st_size)
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Fills the buffer from the offset on.
    ///
    /// Returns how many bytes there were: fewer than asked for at the end of the file.
    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(TraceError) -> Int {
        var done = 0
        while done < buffer.count {
            guard let position = off_t(exactly: offset &+ UInt64(done)), let base = buffer.baseAddress else { break }
            let count = pread(descriptor, base + done, buffer.count - done, position)
            if count < 0 {
                if errno == EINTR { continue }
                throw .cannotRead(path: path, errno: errno)
            }
            if count == 0 { break }
            done += count
        }
        return done
    }

    /// At most `count` bytes from the offset on.
    func bytes(at offset: UInt64, count: Int) throws(TraceError) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: count)
        var failure: TraceError?
        let got = result.withUnsafeMutableBytes { buffer -> Int in
            do throws(TraceError) { return try read(at: offset, into: buffer) } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        result.removeLast(count - got)
        return result
    }
}
