import MachineCode

/// The thunks of an arena: each goes on at an address that the arena has, see `StubThunk.addressOffset`.
enum ArenaThunks {
    static let offset = 64
    static let byteCount = 16

    static func place(_ thunk: StubThunk) -> Int { offset + thunk.rawValue * byteCount }

    /// All of them, from `offset` on.
    ///
    /// On AArch64 they go through a register that the stub has spilled, or, for `leave`, through x16.
    static func bytes(_ isa: InstructionSet) throws(EncodingError) -> [UInt8] {
        var bytes: [UInt8] = []
        for thunk in StubThunk.allCases {
            let distance = Int64(thunk.addressOffset - place(thunk))
            var code: [UInt8]
            switch isa {
            case .x86_64: code = X86Instruction.jumpMemory(.rip(Int32(distance) - 6)).encoded
            case .a64:
                let register: UInt8 = thunk == .leave ? 16 : 15
                code = try A64StubInstruction.loadLiteral(register, distance).encodedBytes()
                code += try A64StubInstruction.branchRegister(register).encodedBytes()
            case .a32, .t32: code = try A32StubInstruction.loadLiteral(15, distance).encodedBytes()
            }
            let filling = try filling(isa)
            while code.count < byteCount { code += filling }
            bytes += code
        }
        return bytes
    }

    /// What stands where nobody comes.
    static func filling(_ isa: InstructionSet) throws(EncodingError) -> [UInt8] {
        switch isa {
        case .x86_64: X86Instruction.breakpoint.encoded
        case .a64: try A64Instruction.breakpoint(0).encodedBytes()
        case .a32, .t32: try A32Instruction.undefined(0).encodedBytes()
        }
    }
}
