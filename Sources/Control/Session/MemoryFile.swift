import CSupport
import Glibc

/// Files in memory that go to agents and commands.
enum MemoryFile {
    /// - Parameter parts: written one after the other.
    static func make(_ name: String, _ parts: [[UInt64]]) throws(ControlError) -> Int32 {
        try make(name, bytes: parts.map { unsafe $0.withUnsafeBytes { unsafe Array($0) } })
    }

    static func make(_ name: String, bytes parts: [[UInt8]]) throws(ControlError) -> Int32 {
        let descriptor = try ControlError.check(nopal_memory_file(name), "cannot make memory for \(name)")
        var offset = 0
        for part in parts {
            guard write(part, descriptor, at: offset) else {
                let code = errno
                close(descriptor)
                throw ControlError.system(what: "cannot write \(name)", errno: code)
            }
            offset += part.count
        }
        return descriptor
    }

    /// All of it; empty when it can't be read.
    static func read(_ descriptor: Int32) -> [UInt8] {
        var status = stat()
        guard descriptor >= 0, unsafe fstat(descriptor, &status) == 0, let count = Int(exactly: status.st_size) else {
            return []
        }
        var bytes = [UInt8](repeating: 0, count: count)
        let done = unsafe bytes.withUnsafeMutableBytes { unsafe pread(descriptor, $0.baseAddress, $0.count, 0) }
        return done == count ? bytes : []
    }

    static func write(_ bytes: [UInt8], _ descriptor: Int32, at offset: Int) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe pwrite(
                    descriptor, $0.baseAddress.map { unsafe $0 + done }, bytes.count - done, off_t(offset + done))
            }
            if count <= 0 { return false }
            done += count
        }
        return true
    }
}
