import CCapstone

/// Finds functions that read or take the address of their own return address: traced with exits
/// they would see the stub's address there.
///
/// An instruction counts when one of its operands is memory at CFA - 8, where the unwind table
/// says that the CFA is rsp or rbp plus a number. Bytes are searched for such operands first, so
/// that almost no function has to be decoded.
///
/// Missed: addresses made in several steps (`lea 16(%rbp), %rax; mov -8(%rax), %rdx`), accesses
/// with an index register, rsp-based ones while the CFA is kept in rbp, copies of the frame
/// pointer in other registers, and functions without an entry in the unwind table whose frame
/// pointer is not set up in the usual way. `__builtin_return_address(0)` of gcc and clang is
/// none of these where there is an unwind table. The copy of the return address that a
/// prologue with a realigned stack makes through r10 is meant for unwinders, and does not count.
struct ReturnAddressReads {
    private var unwind: UnwindTable?
    private let decoder: InstructionDecoder?
    // Used again for each function.
    private var candidates: [Candidate] = []
    private var rows: [UnwindTable.Row] = []

    init(unwind: UnwindTable?) {
        self.unwind = unwind
        decoder = InstructionDecoder()
    }

    /// Whether the function reads its return address.
    ///
    /// - Parameters:
    ///   - code: all of the function's bytes.
    ///   - address: its link-time address, to find it in the unwind table.
    mutating func reads(_ code: FileBytes, address: UInt64) -> Bool {
        candidates.removeAll(keepingCapacity: true)
        Self.findCandidates(in: code, into: &candidates)
        if candidates.isEmpty { return false }
        if unwind?.findRows(&rows, ofFunctionAt: address) != true { rows = Self.rowsWithoutTable(code) }
        guard let last = lastLikely() else { return false }
        return isConfirmed(code, last: last)
    }

    /// Where the last candidate stands that is at CFA - 8 as far as its bytes tell.
    private func lastLikely() -> Int? {
        candidates.last { candidate in
            // The operand's instruction starts up to 12 bytes before its ModRM byte.
            let first = Self.row(rows, at: max(0, candidate.at - 12))
            let last = Self.row(rows, at: candidate.at)
            for index in first...last where candidate.isReturnAddress(rows[index]) { return true }
            return false
        }?.at
    }

    /// A ModRM byte that, if it is one, means memory at rsp or rbp plus `displacement`.
    private struct Candidate {
        var at: Int
        var isFramePointer: Bool
        var displacement: Int64

        func isReturnAddress(_ row: UnwindTable.Row) -> Bool {
            row.register == (isFramePointer ? 6 : 7) && row.offset &- 8 == displacement
        }
    }

    private static func findCandidates(in code: FileBytes, into candidates: inout [Candidate]) {
        let raw = code.raw
        guard raw.count > 2 else { return }
        for at in 0..<(raw.count - 1) {
            let modRM = raw[at]
            let next = raw[at + 1]
            if next == 0x08, modRM & 0xC7 == 0x45 {
                candidates.append(Candidate(at: at, isFramePointer: true, displacement: 8))
            } else if next == 0x24, modRM & 0x07 == 4, modRM < 0xC0 {
                if let displacement = displacement(modRM, code, at + 2) {
                    candidates.append(Candidate(at: at, isFramePointer: false, displacement: displacement))
                }
            }
        }
    }

    private static func displacement(_ modRM: UInt8, _ code: FileBytes, _ at: Int) -> Int64? {
        switch modRM >> 6 {
        case 0: return 0
        case 1: return code.integer(at: at, as: Int8.self).map(Int64.init)
        default: return code.integer(at: at, as: Int32.self).map(Int64.init)
        }
    }

    private static func row(_ rows: [UnwindTable.Row], at offset: Int) -> Int {
        let next = rows.firstIndex { $0.codeOffset > UInt64(offset) } ?? rows.count
        return max(0, next - 1)
    }

    /// Without an unwind table: `push %rbp; mov %rsp, %rbp` sets up a frame, and before it
    /// nothing is pushed.
    private static func rowsWithoutTable(_ code: FileBytes) -> [UnwindTable.Row] {
        var rows = [UnwindTable.Row(codeOffset: 0, register: 7, offset: 8)]
        for at in 0..<min(64, max(0, code.count - 4)) where code[at] == 0x55 {
            let move = code.array(at + 1, count: 3)
            guard move == [0x48, 0x89, 0xE5] || move == [0x48, 0x8B, 0xEC] else { continue }
            rows.append(.init(codeOffset: UInt64(at + 1), register: 7, offset: 16))
            rows.append(.init(codeOffset: UInt64(at + 4), register: 6, offset: 16))
            break
        }
        return rows
    }

    private func isConfirmed(_ code: FileBytes, last: Int) -> Bool {
        guard let decoder else { return true }
        var reads = false
        let understood = decoder.decode(code) { instruction in
            let row = rows[Self.row(rows, at: instruction.offset)]
            for operand in instruction.memory where !operand.hasIndex {
                let register: UInt64? = operand.base == X86_REG_RSP ? 7 : operand.base == X86_REG_RBP ? 6 : nil
                if register != nil, register == row.register, operand.displacement == row.offset &- 8 {
                    reads = true
                }
            }
            return !reads
        }
        // Where the decoder gave up, the bytes alone decide.
        return reads || last >= understood
    }
}
