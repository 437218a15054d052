import Glibc

/// Runs the body with a path in a fresh directory, which is removed afterwards.
public func withTemporaryPath<Result>(_ body: (String) throws -> Result) throws -> Result {
    var template = Array("/tmp/nopal-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw TemporaryPathError(errno: errno) }
    let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let path = directory + "/test.trace"
    defer {
        unlink(path)
        rmdir(directory)
    }
    return try body(path)
}

public struct TemporaryPathError: Error { public var errno: Int32 }

public func contents(_ path: String) throws -> [UInt8] {
    let file = open(path, O_RDONLY)
    guard file >= 0 else { throw TemporaryPathError(errno: errno) }
    defer { close(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
        let count = read(file, &buffer, buffer.count)
        if count <= 0 { return bytes }
        bytes += buffer[..<count]
    }
}

public func write(_ bytes: [UInt8], to path: String) throws {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    guard file >= 0, Glibc.write(file, bytes, bytes.count) == bytes.count else {
        throw TemporaryPathError(errno: errno)
    }
    close(file)
}
