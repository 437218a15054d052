import Foundation
import Testing

@testable import Exporting

@Suite struct OutputBufferTests {
    /// Every number of digits, at both ends.
    @Test func writesDecimals() throws {
        var values: [UInt64] = [0, 1, 9, UInt64.max, UInt64.max - 1]
        var power: UInt64 = 10
        for _ in 0..<19 {
            values += [power - 1, power, power + 1]
            power = power.multipliedReportingOverflow(by: 10).partialValue
        }
        for bit in 0..<64 { values += [1 << UInt64(bit), (1 << UInt64(bit)) - 1] }
        let text = try writtenText { buffer in
            for value in values {
                buffer.putDecimal(value)
                buffer.put("\n")
            }
        }
        #expect(text == values.map { "\($0)\n" }.joined())
    }

    @Test(arguments: [
        (UInt64(0), "0.000"), (1, "0.001"), (10, "0.010"), (999, "0.999"), (1000, "1.000"),
        (1_234_567, "1234.567"), (5_000_000_000_000_090, "5000000000000.090"),
    ])
    func writesMicros(nanos: UInt64, text: String) throws {
        #expect(try writtenText { $0.putMicros(nanos: nanos) } == text)
    }

    /// Pieces of every size around the buffer's end arrive whole and in order.
    @Test func crossesItsCapacity() throws {
        var expected: [UInt8] = []
        let bytes = try written { buffer in
            for step in 0..<40 {
                let piece = [UInt8](
                    repeating: UInt8(step), count: OutputBuffer.capacityByteCount / 7 + step * 131)
                expected += piece
                buffer.put(piece)
                buffer.putDecimal(UInt64(step))
                expected += Array("\(step)".utf8)
            }
            let longer = [UInt8](repeating: 7, count: OutputBuffer.capacityByteCount * 2 + 1)
            buffer.put(longer)
            expected += longer
        }
        #expect(bytes == expected)
    }

    @Test func saysWhyItCannotCreate() {
        #expect(throws: ExportError.cannotCreate(path: "/no/such/folder/out", code: ENOENT)) {
            _ = try OutputFile(path: "/no/such/folder/out")
        }
        let text = ExportError.cannotCreate(path: "/no/such/folder/out", code: ENOENT).description
        #expect(text.contains("/no/such/folder/out") && text.contains("No such file or directory"))
    }

    /// /dev/full takes nothing: the error of a write in the middle is kept until the end.
    @Test func saysThatTheDiskIsFull() throws {
        let file = try OutputFile(path: "/dev/full")
        let buffer = OutputBuffer(descriptor: file.descriptor, path: "/dev/full")
        for _ in 0..<3 { buffer.put([UInt8](repeating: 1, count: OutputBuffer.capacityByteCount)) }
        #expect(buffer.hasFailed)
        #expect(throws: ExportError.cannotWrite(path: "/dev/full", code: ENOSPC, byteCount: 0)) {
            try buffer.finish()
        }
        file.discard()
        #expect(FileManager.default.fileExists(atPath: "/dev/full"))
    }

    @Test func discardsHalfAFile() throws {
        let path = NSTemporaryDirectory() + "nopal-discard-\(UUID().uuidString)"
        let file = try OutputFile(path: path)
        #expect(FileManager.default.fileExists(atPath: path))
        file.discard()
        #expect(!FileManager.default.fileExists(atPath: path))
    }
}
