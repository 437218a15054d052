import CSupport
import Glibc
import TraceFormat

/// The file of events that a process without a host has left, mapped: what is changed there is not changed in the file.
struct EventsFile {
    let descriptor: Int32
    let blockCount: Int
    let byteCount: Int
    let base: UnsafeMutableRawPointer

    private static let blockLimit: UInt32 = 1 << 20

    /// Throws: `.badFile` when it is none, or not whole.
    init(path: String) throws(ControlError) {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .badFile("\(path): \(unsafe String(cString: strerror(errno)))") }
        guard let blockCount = Self.blockCount(file) else {
            close(file)
            throw .badFile("\(path): not a file of events of this version; a process leaves it as nopal.PID.events")
        }
        let byteCount = SessionMemory.byteCount(blockCount: blockCount)
        guard Self.size(file) >= byteCount,
            let at = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0), unsafe at != MAP_FAILED
        else {
            close(file)
            throw .badFile("\(path): not whole, it should have \(byteCount) bytes (with holes); copy it again")
        }
        descriptor = file
        self.blockCount = blockCount
        self.byteCount = byteCount
        unsafe base = at
    }

    private static func size(_ file: Int32) -> Int {
        var status = stat()
        return unsafe fstat(file, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Nil for any other file.
    private static func blockCount(_ file: Int32) -> Int? {
        var head = [UInt32](repeating: 0, count: 4)
        let count = unsafe head.withUnsafeMutableBytes { unsafe pread(file, $0.baseAddress, $0.count, 0) }
        guard count == 16, UInt64(head[0]) | UInt64(head[1]) << 32 == SessionMemory.magic,
            head[2] == SessionMemory.version, head[3] > 0, head[3] <= blockLimit
        else { return nil }
        return Int(head[3])
    }
}
