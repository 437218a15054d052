import Glibc

/// One line of /proc/PID/maps; addresses are runtime addresses.
public struct MapEntry: Equatable, Sendable {
    public var start: UInt64
    /// Past the last byte.
    public var end: UInt64
    /// As the kernel prints them, e.g. "r-xp".
    public var permissions: String
    public var offset: UInt64
    /// Empty for anonymous memory; "[heap]", "[stack]" and the like for special areas.
    public var path: String

    public init(start: UInt64, end: UInt64, permissions: String, offset: UInt64, path: String) {
        self.start = start
        self.end = end
        self.permissions = permissions
        self.offset = offset
        self.path = path
    }
}

/// What a process has mapped, sorted by address.
public enum ProcessMaps {
    /// Throws: `.cannotOpen` when the process is gone or belongs to somebody else.
    public static func read(process: pid_t) throws(ProgramError) -> [MapEntry] {
        let path = "/proc/\(process)/maps"
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .cannotOpen(path: path, reason: String(cString: strerror(errno))) }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(file, $0.baseAddress, $0.count) }
            if count <= 0 { break }
            bytes += chunk[..<count]
        }
        return bytes.split(separator: 10).compactMap(entry)
    }

    /// `start-end perms offset device inode   path`
    private static func entry(_ line: ArraySlice<UInt8>) -> MapEntry? {
        let parts = line.split(separator: 32, maxSplits: 5, omittingEmptySubsequences: true)
        guard parts.count >= 5 else { return nil }
        let range = parts[0].split(separator: 45)
        guard range.count == 2, let start = hexadecimal(range[0]), let end = hexadecimal(range[1]), start <= end,
            let offset = hexadecimal(parts[2])
        else { return nil }
        let path = parts.count > 5 ? String(decoding: parts[5].drop { $0 == 32 }, as: UTF8.self) : ""
        return MapEntry(
            start: start, end: end, permissions: String(decoding: parts[1], as: UTF8.self), offset: offset, path: path)
    }

    private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt64? {
        UInt64(String(decoding: digits, as: UTF8.self), radix: 16)
    }
}
