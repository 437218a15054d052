import Glibc
import Patching
import Programs

/// The memory of another process, through /proc/PID/mem: reaches text that is not writable, and
/// fails, instead of faulting, where nothing is mapped.
package final class ProcessMemory {
    package let process: pid_t
    private let file: Int32
    /// Where the program's addresses begin: not at 0 in an emulator.
    private let base: UInt64

    /// Throws: `.notPermitted` or `.noSuchProcess`.
    init(process: pid_t, base: UInt64 = 0) throws(LiveError) {
        self.process = process
        self.base = base
        file = open("/proc/\(process)/mem", O_RDWR | O_CLOEXEC)
        guard file >= 0 else { throw LiveError.access(process, errno: errno) }
    }

    deinit { close(file) }

    /// Nil where not all of it is mapped.
    func read(_ programAddress: UInt64, count: Int) -> [UInt8]? {
        let address = programAddress &+ base
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let got = unsafe bytes.withUnsafeMutableBytes {
                unsafe pread(
                    file, $0.baseAddress.map { unsafe $0 + done }, count - done,
                    off_t(truncatingIfNeeded: address) + off_t(done))
            }
            if got <= 0 { return nil }
            done += got
        }
        return bytes
    }

    func word(_ programAddress: UInt64) -> UInt64? {
        let address = programAddress &+ base
        var value: UInt64 = 0
        let got = unsafe withUnsafeMutableBytes(of: &value) {
            unsafe pread(file, $0.baseAddress, 8, off_t(truncatingIfNeeded: address))
        }
        return got == 8 ? value : nil
    }

    /// False where it could not be written as a whole.
    func write(_ programAddress: UInt64, _ bytes: [UInt8]) -> Bool {
        let address = programAddress &+ base
        var done = 0
        while done < bytes.count {
            let put = unsafe bytes.withUnsafeBytes {
                unsafe pwrite(
                    file, $0.baseAddress.map { unsafe $0 + done }, bytes.count - done,
                    off_t(truncatingIfNeeded: address) + off_t(done))
            }
            if put <= 0 { return false }
            done += put
        }
        return true
    }

    func write(_ address: UInt64, word: UInt64) -> Bool {
        unsafe withUnsafeBytes(of: word) {
            unsafe pwrite(file, $0.baseAddress, 8, off_t(truncatingIfNeeded: address &+ base)) == 8
        }
    }

    /// A text of at most 4096 bytes that ends with a zero byte.
    func text(_ address: UInt64) -> String {
        var bytes: [UInt8] = []
        while bytes.count < 4096, let next = read(address &+ UInt64(bytes.count), count: 1), next[0] != 0 {
            bytes += next
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
