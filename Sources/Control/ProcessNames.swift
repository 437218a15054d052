import Glibc

/// Names that /proc knows.
enum ProcessNames {
    /// A thread's name; the process's when the thread is gone; nil when both are.
    static func thread(_ thread: UInt32, of process: UInt32) -> String? {
        firstLine("/proc/\(process)/task/\(thread)/comm") ?? firstLine("/proc/\(process)/comm")
    }

    /// The path of a process's executable; empty when it can't be read.
    static func executable(_ process: UInt32) -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = unsafe readlink("/proc/\(process)/exe", &buffer, buffer.count - 1)
        guard count > 0 else { return "" }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The arguments of a process, `argv[0]` first.
    static func commandLine(_ process: Int32) -> [String] {
        (FileText.read("/proc/\(process)/cmdline") ?? "").split(separator: "\0").map(String.init)
    }

    private static func firstLine(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(file, $0.baseAddress, $0.count) }
        guard count > 0 else { return nil }
        return String(decoding: buffer[..<count].prefix { $0 != 10 }, as: UTF8.self)
    }
}
