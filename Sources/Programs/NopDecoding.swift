import MachineCode

/// NOPs in a file's code.
enum NopDecoding {
    /// The length of the NOP at `offset`, nil when something else stands there.
    static func byteCount(in code: FileBytes, at offset: Int) -> Int? {
        X86Nop.byteCount(at: offset) { code[$0] }
    }

    /// The NOPs that stand from `offset` on, up to the first other instruction.
    static func run(in code: FileBytes, at offset: Int) -> [Int] {
        var lengths: [Int] = []
        var at = offset
        while lengths.count < 256, let length = byteCount(in: code, at: at) {
            lengths.append(length)
            at += length
        }
        return lengths
    }
}
