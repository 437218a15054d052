import Glibc

/// Where an export goes: a file that is made or replaced, or standard output for `-`.
public struct OutputFile: ~Copyable {
    public let path: String
    public let descriptor: Int32
    private let isStandardOutput: Bool

    /// Throws: `.cannotCreate`.
    public init(path: String) throws(ExportError) {
        self.path = path
        isStandardOutput = path == "-"
        guard !isStandardOutput else {
            descriptor = STDOUT_FILENO
            return
        }
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        if descriptor < 0 { throw .cannotCreate(path: path, code: errno) }
    }

    public var isTerminal: Bool { isatty(descriptor) == 1 }

    /// What messages call it.
    public var displayPath: String { isStandardOutput ? "standard output" : path }

    /// Closes the file. A disk may report only now that it took less than it said.
    /// Throws: `.cannotWrite`.
    public consuming func close(byteCount: UInt64) throws(ExportError) {
        guard !isStandardOutput else { return }
        if Glibc.close(descriptor) != 0 {
            throw .cannotWrite(path: path, code: errno, byteCount: byteCount)
        }
    }

    /// Closes the file and takes it away if it is a plain file: half an export would be taken
    /// for a whole one.
    public consuming func discard() {
        guard !isStandardOutput else { return }
        var status = stat()
        if fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG { unlink(path) }
        _ = Glibc.close(descriptor)
    }
}
