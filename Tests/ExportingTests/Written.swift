import Foundation
import Testing

@testable import Exporting

/// What `body` puts into an output buffer.
func written(_ body: (OutputBuffer) throws -> Void) throws -> [UInt8] {
    let path = NSTemporaryDirectory() + "nopal-exporting-\(UUID().uuidString)"
    defer { unlink(path) }
    let file = try OutputFile(path: path)
    let buffer = OutputBuffer(descriptor: file.descriptor, path: path)
    try body(buffer)
    try buffer.finish()
    try file.close(byteCount: buffer.writtenByteCount)
    return try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
}

func writtenText(_ body: (OutputBuffer) throws -> Void) throws -> String {
    try String(decoding: written(body), as: UTF8.self)
}
