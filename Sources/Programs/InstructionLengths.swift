import MachineCode
import Patching

extension Site {
    /// The lengths of the instructions of a prologue that slides, bytes, by capstone; empty for every other shape.
    ///
    /// Nil when capstone does not know one of them.
    public var prologueLengths: [Int]? {
        guard case .mcountCall(let prologueByteCount, _) = shape else { return [] }
        switch isa {
        case .x86_64: break
        case .a64, .a32: return Array(repeating: 4, count: prologueByteCount / 4)
        case .t32: return Self.thumbLengths(original.prefix(prologueByteCount))
        }
        guard let decoder = InstructionDecoder() else { return nil }
        var lengths: [Int] = []
        let understood = original.prefix(prologueByteCount).withUnsafeBytes { raw in
            decoder.decode(FileBytes(raw)) {
                lengths.append($0.byteCount)
                return true
            }
        }
        return understood == prologueByteCount ? lengths : nil
    }

    /// The first halfword of each instruction says how long it is.
    private static func thumbLengths(_ code: ArraySlice<UInt8>) -> [Int]? {
        var lengths: [Int] = []
        var at = code.startIndex
        while at + 1 < code.endIndex {
            let isWide = T32Instruction.isWide(UInt16(code[at]) | UInt16(code[at + 1]) << 8)
            lengths.append(isWide ? 4 : 2)
            at += isWide ? 4 : 2
        }
        return at == code.endIndex ? lengths : nil
    }
}
