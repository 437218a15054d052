/// Runs the call-frame instructions of one function, keeping only how the CFA is found.
///
/// Source: DWARF 5, 6.4.2 and 7.24.
struct FrameProgram {
    private let codeAlignment: UInt64
    private var now: (register: UInt64?, offset: Int64) = (7, 8)
    private var saved: [(register: UInt64?, offset: Int64)] = []
    private var codeOffset: UInt64 = 0

    private init(codeAlignment: UInt64) { self.codeAlignment = codeAlignment }

    /// Puts the rows in the order of the code into `rows`, whose storage is used again; false
    /// when an instruction is unknown or damaged.
    static func run(_ frame: UnwindTable.Frame, into rows: inout [UnwindTable.Row]) -> Bool {
        rows.removeAll(keepingCapacity: true)
        var program = FrameProgram(codeAlignment: frame.codeAlignment)
        guard program.run(frame.initial, &rows) else { return false }
        program.note(&rows)
        return program.run(frame.instructions, &rows)
    }

    private func note(_ rows: inout [UnwindTable.Row]) {
        let row = UnwindTable.Row(codeOffset: codeOffset, register: now.register, offset: now.offset)
        if rows.last?.codeOffset == codeOffset { rows.removeLast() }
        rows.append(row)
    }

    private mutating func run(_ instructions: FileBytes, _ rows: inout [UnwindTable.Row]) -> Bool {
        var cursor = FrameCursor(instructions)
        while !cursor.isAtEnd {
            guard let opcode: UInt8 = cursor.integer(), step(opcode, &cursor, &rows) else { return false }
        }
        return true
    }

    private mutating func advance(_ units: UInt64?) -> Bool {
        guard let units else { return false }
        codeOffset = codeOffset &+ units &* codeAlignment
        return true
    }

    private mutating func step(
        _ opcode: UInt8, _ cursor: inout FrameCursor, _ rows: inout [UnwindTable.Row]
    ) -> Bool {
        switch opcode {
        case 0x40...0x7F: return advance(UInt64(opcode & 0x3F))
        case 0x80...0xBF: return cursor.unsigned() != nil  // offset
        case 0xC0...0xFF, 0x00: return true  // restore, nop
        case 0x02: return advance(cursor.integer(UInt8.self).map(UInt64.init))
        case 0x03: return advance(cursor.integer(UInt16.self).map(UInt64.init))
        case 0x04: return advance(cursor.integer(UInt32.self).map(UInt64.init))
        case 0x06, 0x07, 0x08, 0x2E: return cursor.unsigned() != nil  // rules of other registers
        case 0x05, 0x09, 0x14, 0x2F: return cursor.unsigned() != nil && cursor.unsigned() != nil
        case 0x11, 0x15: return cursor.unsigned() != nil && cursor.signed() != nil
        case 0x10, 0x16: return cursor.unsigned() != nil && cursor.skipBlock()
        case 0x0A: saved.append(now)
        case 0x0B:
            guard let last = saved.popLast() else { return false }
            now = last
            note(&rows)
        default:
            guard define(opcode, &cursor) else { return false }
            note(&rows)
        }
        return true
    }

    /// The instructions that say where the CFA is.
    private mutating func define(_ opcode: UInt8, _ cursor: inout FrameCursor) -> Bool {
        switch opcode {
        case 0x0C:
            guard let register = cursor.unsigned(), let offset = cursor.unsigned() else { return false }
            now = (register, Int64(truncatingIfNeeded: offset))
        case 0x0D:
            guard let register = cursor.unsigned() else { return false }
            now.register = register
        case 0x0E:
            guard let offset = cursor.unsigned() else { return false }
            now.offset = Int64(truncatingIfNeeded: offset)
        case 0x0F:
            guard cursor.skipBlock() else { return false }
            now.register = nil
        default: return false
        }
        return true
    }
}
