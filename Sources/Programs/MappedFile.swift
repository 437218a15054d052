import Glibc

/// A file's bytes, mapped. Every read is checked against the length before it happens.
///
/// Unsafe code of this module lives here, in `ElfFile` and in the files that call C libraries.
/// The bytes are never written, so that sharing between threads is safe. A file that is cut short
/// while it is mapped ends the reader with SIGBUS, as with every reader of this kind.
final class MappedFile: @unchecked Sendable {
    let path: String
    let bytes: UnsafeMutableRawBufferPointer

    /// Throws: `.noSuchProgram`, `.cannotOpen` (also for directories and empty files).
    init(path: String) throws(ProgramError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { throw .noSuchProgram(path, isPath: true) }
            throw .cannotOpen(path: path, reason: String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .cannotOpen(path: path, reason: String(cString: strerror(errno)))
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .cannotOpen(path: path, reason: "not a regular file")
        }
        guard let count = Int(exactly: status.st_size), count > 0 else { throw .notELF(path: path) }
        // Private and writable: libelf is entitled to convert in place, the file never changes.
        let address = mmap(nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0)
        guard let address, address != MAP_FAILED else {
            throw .cannotOpen(path: path, reason: String(cString: strerror(errno)))
        }
        self.path = path
        self.bytes = UnsafeMutableRawBufferPointer(start: address, count: count)
    }

    deinit { munmap(bytes.baseAddress, bytes.count) }

    /// The bytes of a part of the file, nil when any lies outside.
    func slice(offset: UInt64, byteCount: UInt64) -> FileBytes? {
        let (end, overflow) = offset.addingReportingOverflow(byteCount)
        guard !overflow, end <= UInt64(bytes.count) else { return nil }
        return FileBytes(UnsafeRawBufferPointer(rebasing: bytes[Int(offset)..<Int(end)]))
    }
}

/// A part of a mapped file. It does not keep the file mapped, which would cost two reference
/// counts a read: whoever stores one stores the file beside it.
struct FileBytes: @unchecked Sendable {
    let raw: UnsafeRawBufferPointer

    init(_ raw: UnsafeRawBufferPointer) { self.raw = raw }

    var count: Int { raw.count }

    /// The byte at `index`, nil outside.
    subscript(index: Int) -> UInt8? {
        index >= 0 && index < raw.count ? raw[index] : nil
    }

    /// A little-endian integer, nil when any of its bytes is outside.
    @inline(__always)
    func integer<Value: FixedWidthInteger>(at offset: Int, as type: Value.Type = Value.self) -> Value? {
        guard offset >= 0, offset <= raw.count - MemoryLayout<Value>.size else { return nil }
        return Value(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: Value.self))
    }

    func slice(_ offset: Int, byteCount: Int) -> FileBytes? {
        guard offset >= 0, byteCount >= 0, offset <= raw.count - byteCount else { return nil }
        return FileBytes(UnsafeRawBufferPointer(rebasing: raw[offset..<(offset + byteCount)]))
    }

    /// Copies bytes out; short when the part ends before.
    func array(_ offset: Int, count: Int) -> [UInt8] {
        guard offset >= 0, offset < raw.count, count > 0 else { return [] }
        return Array(raw[offset..<min(raw.count, offset + min(count, raw.count))])
    }

    /// The text up to the next zero byte; nil when it begins outside or does not end inside.
    func text(at offset: Int) -> String? {
        guard let end = endOfText(at: offset) else { return nil }
        return String(decoding: raw[offset..<end], as: UTF8.self)
    }

    /// A symbol's name as `text(at:)` reads it, without the version that follows an `@`.
    func symbolName(at offset: Int) -> String? {
        guard let end = endOfText(at: offset), end > offset, let base = raw.baseAddress else { return nil }
        let version = memchr(base + offset, Int32(UInt8(ascii: "@")), end - offset)
        let nameEnd = version.map { UnsafeRawPointer($0) - base } ?? end
        return String(decoding: raw[offset..<(nameEnd > offset ? nameEnd : end)], as: UTF8.self)
    }

    /// Whether exactly `name` and a zero byte stand at `offset`.
    func holds(_ name: StaticText, at offset: Int) -> Bool {
        guard offset >= 0, offset <= raw.count - name.count - 1 else { return false }
        guard let base = raw.baseAddress else { return false }
        return name.withBytes { memcmp(base + offset, $0, name.count) == 0 } && raw[offset + name.count] == 0
    }

    private func endOfText(at offset: Int) -> Int? {
        guard offset >= 0, offset < raw.count, let base = raw.baseAddress else { return nil }
        guard let end = memchr(base + offset, 0, raw.count - offset) else { return nil }
        return UnsafeRawPointer(end) - base
    }
}

/// A name to compare with, its bytes at hand.
struct StaticText: Sendable {
    private let bytes: [UInt8]
    init(_ name: String) { bytes = Array(name.utf8) }
    var count: Int { bytes.count }
    func withBytes<R>(_ body: (UnsafePointer<UInt8>) -> R) -> R {
        bytes.withUnsafeBufferPointer { buffer in
            if let base = buffer.baseAddress { return body(base) }
            return withUnsafePointer(to: 0) { body($0) }
        }
    }
}
