/// Runs the call-frame instructions of one function, keeping only how the CFA is found.
///
/// Source: DWARF 5, 6.4.2 and 7.24.
struct FrameProgram {
    private let frame: UnwindTable.Frame
    private var now: (register: UInt64?, offset: Int64) = (7, 8)
    private var saved: [(register: UInt64?, offset: Int64)] = []
    private var codeOffset: UInt64 = 0
    private var found: [UnwindTable.Row] = []

    init(_ frame: UnwindTable.Frame) { self.frame = frame }

    /// The rows in the order of the code; nil when an instruction is unknown or damaged.
    func rows() -> [UnwindTable.Row]? {
        var program = self
        guard program.run(frame.initial) else { return nil }
        program.note()
        guard program.run(frame.instructions) else { return nil }
        return program.found
    }

    private mutating func note() {
        let row = UnwindTable.Row(codeOffset: codeOffset, register: now.register, offset: now.offset)
        if found.last?.codeOffset == codeOffset { found.removeLast() }
        found.append(row)
    }

    private mutating func run(_ instructions: FileBytes) -> Bool {
        var cursor = FrameCursor(instructions)
        while !cursor.isAtEnd {
            guard let opcode: UInt8 = cursor.integer(), step(opcode, &cursor) else { return false }
        }
        return true
    }

    private mutating func advance(_ units: UInt64?) -> Bool {
        guard let units else { return false }
        codeOffset = codeOffset &+ units &* frame.codeAlignment
        return true
    }

    private mutating func step(_ opcode: UInt8, _ cursor: inout FrameCursor) -> Bool {
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
            note()
        default: return define(opcode, &cursor)
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
        note()
        return true
    }
}
