import CCapstone

/// Capstone, set up for x86-64 with operands. Slow (about a microsecond an instruction): it is
/// asked only about the few places where bytes alone do not decide.
///
/// Not for use by two threads at once; each reading of a module makes its own.
final class InstructionDecoder {
    private var handle: csh = 0
    private let instruction: UnsafeMutablePointer<cs_insn>

    struct Operand {
        var base: x86_reg
        var hasIndex: Bool
        var displacement: Int64
    }

    struct Instruction {
        var offset: Int
        var byteCount: Int
        /// Any jump, call, return, interrupt or system call.
        var leavesStraightLine: Bool
        /// A jump, conditional or not, as opposed to everything else that leaves the line.
        var isJump: Bool
        /// Where a direct jump or call goes, as an offset from the start of the code.
        var target: Int64?
        /// Memory operands, `lea`'s included.
        var memory: [Operand]
    }

    /// Nil when capstone was built without x86.
    init?() {
        guard cs_open(CS_ARCH_X86, CS_MODE_64, &handle) == CS_ERR_OK else { return nil }
        cs_option(handle, CS_OPT_DETAIL, Int(CS_OPT_ON.rawValue))
        guard let allocated = cs_malloc(handle) else {
            cs_close(&handle)
            return nil
        }
        instruction = allocated
    }

    deinit {
        cs_free(instruction, 1)
        cs_close(&handle)
    }

    /// Decodes `code` from its start, instruction by instruction, until `body` gives false.
    /// Returns how many bytes were understood.
    @discardableResult
    func decode(_ code: FileBytes, _ body: (Instruction) -> Bool) -> Int {
        guard let base = code.raw.baseAddress else { return 0 }
        var next: UnsafePointer<UInt8>? = base.assumingMemoryBound(to: UInt8.self)
        var left = code.count
        var address: UInt64 = 0
        while left > 0, cs_disasm_iter(handle, &next, &left, &address, instruction) {
            if !body(describe(instruction.pointee)) { break }
        }
        return code.count - left
    }

    private func describe(_ insn: cs_insn) -> Instruction {
        var described = Instruction(
            offset: Int(insn.address), byteCount: Int(insn.size), leavesStraightLine: false, isJump: false,
            target: nil, memory: [])
        guard let detail = insn.detail?.pointee else { return described }
        withUnsafeBytes(of: detail.groups) { groups in
            for group in groups.prefix(Int(detail.groups_count)) where Self.leaving.contains(UInt32(group)) {
                described.leavesStraightLine = true
                described.isJump = described.isJump || UInt32(group) == CS_GRP_JUMP.rawValue
            }
        }
        withUnsafePointer(to: detail.x86.operands) { tuple in
            tuple.withMemoryRebound(to: cs_x86_op.self, capacity: 8) { operands in
                for index in 0..<min(8, Int(detail.x86.op_count)) {
                    let operand = operands[index]
                    if operand.type == X86_OP_MEM {
                        described.memory.append(
                            Operand(
                                base: operand.mem.base, hasIndex: operand.mem.index != X86_REG_INVALID,
                                displacement: operand.mem.disp))
                    } else if operand.type == X86_OP_IMM, described.leavesStraightLine {
                        described.target = operand.imm
                    }
                }
            }
        }
        return described
    }

    private static let leaving: Set<UInt32> = [
        CS_GRP_JUMP.rawValue, CS_GRP_CALL.rawValue, CS_GRP_RET.rawValue, CS_GRP_INT.rawValue,
        CS_GRP_IRET.rawValue, CS_GRP_BRANCH_RELATIVE.rawValue,
    ]
}
