import MachineCode

/// The code that a hooked function of libc branches to on Arm: saves what a caller may have in registers, calls the
/// agent with the number of the function and its first three arguments, and goes on as if nothing had been.
struct ForkWay {
    let isa: InstructionSet
    /// Runtime address of the code.
    let start: UInt64
    let function: Int
    let agent: UInt64
    /// The instructions that the branch replaces.
    let moved: [UInt8]
    /// Where they go on.
    let resume: UInt64

    /// Throws: `.outOfRange` when the function is farther than a branch reaches.
    func bytes() throws(EncodingError) -> [UInt8] { isa == .a64 ? try a64() : try a32() }

    private func number(_ value: UInt64, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    }

    private func a64() throws(EncodingError) -> [UInt8] {
        let frame: Int64 = 96
        var code = try A64Instruction.storePairPreIndex(0, 1, offset: -frame).encodedBytes()
        let saves: [A64StubInstruction] = [
            .storePair(2, 3, 31, 16), .storePair(4, 5, 31, 32), .storePair(6, 7, 31, 48), .storePair(8, 30, 31, 64),
            .move(3, 2), .move(2, 1), .move(1, 0),
        ]
        for instruction in saves { code += try instruction.encodedBytes() }
        let restores: [A64StubInstruction] = [
            .branchLinkRegister(16), .loadPair(8, 30, 31, 64), .loadPair(6, 7, 31, 48), .loadPair(4, 5, 31, 32),
            .loadPair(2, 3, 31, 16), .loadPairPostIndex(0, 1, offset: frame),
        ]
        // Two loads, then these, what was moved, and a branch; the numbers follow at a multiple of 8.
        let end = code.count + 8 + restores.count * 4 + moved.count + 4
        let numbers = (end + 7) / 8 * 8
        code += try A64StubInstruction.loadLiteral(0, Int64(numbers - code.count)).encodedBytes()
        code += try A64StubInstruction.loadLiteral(16, Int64(numbers + 8 - code.count)).encodedBytes()
        for instruction in restores { code += try instruction.encodedBytes() }
        code += moved
        code += try A64Instruction.branch(Int64(bitPattern: resume &- (start &+ UInt64(code.count)))).encodedBytes()
        code += [UInt8](repeating: 0, count: numbers - code.count)
        return code + number(UInt64(function), 8) + number(agent, 8)
    }

    /// Of T32 functions too: it is left for the instructions that were moved.
    private func a32() throws(EncodingError) -> [UInt8] {
        let list: UInt16 = 0x500f
        // `bx pc` and a NOP.
        var code: [UInt8] = isa == .t32 ? [0x78, 0x47, 0x00, 0xbf] : []
        let calls: [A32StubInstruction] = [
            .push(list), .move(3, 2), .move(2, 1), .move(1, 0), .moveImmediate(0, UInt32(function)),
        ]
        for instruction in calls { code += try instruction.encodedBytes() }
        let tail = code.count + 16
        let numbers = (tail + moved.count + 4 + 3) / 4 * 4
        code += try A32StubInstruction.loadLiteral(12, Int64(numbers - code.count)).encodedBytes()
        code += try A32StubInstruction.branchLinkRegister(12).encodedBytes()
        code += try A32StubInstruction.pop(list).encodedBytes()
        code += try A32StubInstruction.loadLiteral(15, Int64(numbers + 4 - code.count)).encodedBytes()
        code += moved
        let branchPlace = start &+ UInt64(code.count)
        code += try FunctionHook.branch(isa, Int64(bitPattern: resume &- branchPlace))
        code += [UInt8](repeating: 0, count: numbers - code.count)
        let next = start &+ UInt64(tail) | (isa == .t32 ? 1 : 0)
        return code + number(agent, 4) + number(next, 4)
    }
}
