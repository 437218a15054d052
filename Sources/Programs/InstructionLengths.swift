import Patching

extension Site {
    /// The lengths of the instructions of a prologue that slides, bytes, by capstone; empty for every other shape.
    ///
    /// Nil when capstone does not know one of them.
    public var prologueLengths: [Int]? {
        guard case .mcountCall(let prologueByteCount, _) = shape else { return [] }
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
}
