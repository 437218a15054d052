import MachineCode
import Programs
import TraceFormat

extension FunctionHook {
    /// The loader's `_dl_debug_state` on Arm: a lone return, with room for a branch of four bytes.
    ///
    /// The branch leads to a page near it, and from there a jump of any reach to the agent.
    ///
    /// - Parameters:
    ///   - place: where it stands, as the loader's list says: of T32 code the lowest bit is set.
    ///   - code: reads four bytes.
    ///   - agent: the agent's code.
    ///   - room: finds a free page near a place.
    static func modulesChanged(
        at place: UInt64, isa: InstructionSet, code: (UInt64) -> [UInt8]?, agent: UInt64,
        room: (Range<UInt64>, InstructionSet) -> UInt64?
    ) -> FunctionHook? {
        let set: InstructionSet = isa == .a32 && place & 1 != 0 ? .t32 : isa
        let address = place & ~1
        guard address != 0, agent != 0, address % 4 == 0, let original = code(address), isLoneReturn(original, set),
            let way = room(address..<address &+ 4, set),
            let branch = try? branch(set, Int64(bitPattern: way &- address)),
            let bytes = try? jump(set, to: agent)
        else { return nil }
        return FunctionHook(
            function: .modulesChanged, address: address, resume: 0, original: original, inner: [],
            firstWord: number(original[...]), way: way, branch: number(branch[...]),
            wayBytes: bytes)
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// libc's functions that make children behind the back of its fork handlers: the way tells the agent, runs the
    /// instructions that the branch replaces, and goes on behind them.
    ///
    /// None where those instructions can't be run elsewhere.
    ///
    /// - Parameter room: finds a free page near a place, and takes it.
    static func forking(
        of image: ModuleImage, bias: UInt64, agent: (HookedFunction) -> UInt64,
        room: (Range<UInt64>, InstructionSet) -> UInt64?
    ) -> [FunctionHook] {
        let name = image.path.split(separator: "/").last ?? ""
        guard name.hasPrefix("libc.so") || name.hasPrefix("libc-") else { return [] }
        let functions: [(HookedFunction, String)] = [(.fork, "_Fork"), (.clone, "clone"), (.systemCall, "syscall")]
        return functions.compactMap { function, name in
            guard let place = image.exportedFunction(name) else { return nil }
            let set: InstructionSet = image.isa == .a32 && place & 1 != 0 ? .t32 : image.isa
            let address = (place & ~1) &+ bias
            guard address % 4 == 0, agent(function) != 0, let code = image.code(at: place & ~1, count: 8),
                let moved = MovableCode.byteCount(in: code, set), let way = room(address..<address &+ 8, set),
                let branch = try? branch(set, Int64(bitPattern: way &- address)),
                let bytes = try? ForkWay(
                    isa: set, start: way, function: function.rawValue - 1, agent: agent(function),
                    moved: Array(code[..<moved]), resume: address &+ UInt64(moved)
                ).bytes(), bytes.count <= Hook.wayByteCount
            else { return nil }
            return FunctionHook(
                function: function, address: address, resume: address &+ UInt64(moved),
                original: Array(code[..<4]), inner: [], firstWord: number(code[..<4]), way: way,
                branch: number(branch[...]), wayBytes: bytes)
        }
    }

    /// In T32 the return has 16 bits, and a NOP behind it fills the word.
    private static func isLoneReturn(_ code: [UInt8], _ isa: InstructionSet) -> Bool {
        switch isa {
        case .x86_64: false
        case .a64: code == (try? A64Instruction.ret.encodedBytes())
        case .a32: code == (try? A32Instruction.ret.encodedBytes())
        case .t32:
            code == (try? T32Instruction.ret.encodedBytes() + T32Instruction.nop.encodedBytes())
        }
    }

    static func branch(_ isa: InstructionSet, _ distance: Int64) throws(EncodingError) -> [UInt8] {
        switch isa {
        case .x86_64: []
        case .a64: try A64Instruction.branch(distance).encodedBytes()
        case .a32: try A32Instruction.branch(distance).encodedBytes()
        case .t32: try T32Instruction.branchWide(distance).encodedBytes()
        }
    }

    /// Sixteen bytes that go on anywhere: a load of the address behind them.
    private static func jump(_ isa: InstructionSet, to target: UInt64) throws(EncodingError) -> [UInt8] {
        func bytes(_ value: UInt64, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
        }
        // T32: LDR.W pc, [pc, #4].
        let loadWide: [UInt8] = [0xdf, 0xf8, 0x04, 0xf0]
        switch isa {
        case .x86_64: return []
        case .a64:
            return try A64StubInstruction.loadLiteral(16, 8).encodedBytes()
                + A64StubInstruction.branchRegister(16).encodedBytes() + bytes(target, 8)
        case .a32: return try A32StubInstruction.loadLiteral(15, 8).encodedBytes() + bytes(0, 4) + bytes(target, 8)
        case .t32: return loadWide + bytes(0, 4) + bytes(target, 8)
        }
    }
}
