import CCapstone

/// Capstone, set up for one of the sets of 32-bit Arm.
final class ArmDecoder {
    private var handle: csh = 0

    /// Nil when capstone was built without Arm.
    init?(isThumb: Bool) {
        guard cs_open(CS_ARCH_ARM, isThumb ? CS_MODE_THUMB : CS_MODE_ARM, &handle) == CS_ERR_OK else { return nil }
        cs_option(handle, CS_OPT_DETAIL, Int(CS_OPT_ON.rawValue))
    }

    deinit { cs_close(&handle) }

    /// Why the instructions can't be run at another place; nil when they can.
    ///
    /// IT blocks move like other instructions, as long as they end where the code does or before.
    func obstacle(toMoving code: FileBytes) -> String? {
        guard let base = code.raw.baseAddress else { return nil }
        var found: UnsafeMutablePointer<cs_insn>?
        let count = cs_disasm(handle, base.assumingMemoryBound(to: UInt8.self), code.count, 0, 0, &found)
        guard let found else { return "unknown prologue" }
        defer { cs_free(found, count) }
        var byteCount = 0
        var leftInBlock = 0
        for index in 0..<count {
            let instruction = found + index
            if leavesLine(instruction) { return "the prologue has a branch or call before mcount" }
            if usesProgramCounter(instruction) { return "the prologue uses the program counter" }
            leftInBlock = Self.blockCount(instruction, code.integer(at: byteCount)) ?? max(0, leftInBlock - 1)
            byteCount += Int(instruction.pointee.size)
        }
        if byteCount != code.count { return "unknown prologue" }
        return leftInBlock == 0 ? nil : "an IT block reaches out of the prologue"
    }

    /// How many instructions an IT makes conditional; nil for every other instruction.
    ///
    /// Shape:  1011 1111 cccc mmmm, where the lowest bit set in m ends the block.
    /// Source: ARMv7-A and ARMv7-R manual, A8.8.54.
    private static func blockCount(_ instruction: UnsafeMutablePointer<cs_insn>, _ halfword: UInt16?) -> Int? {
        guard instruction.pointee.id == ARM_INS_IT.rawValue, let halfword else { return nil }
        return 4 - (halfword & 15).trailingZeroBitCount
    }

    private func leavesLine(_ instruction: UnsafeMutablePointer<cs_insn>) -> Bool {
        Self.traps.contains(instruction.pointee.id)
            || Self.leaving.contains { cs_insn_group(handle, instruction, UInt32($0.rawValue)) }
    }

    private static let leaving = [CS_GRP_JUMP, CS_GRP_CALL, CS_GRP_RET, CS_GRP_INT, CS_GRP_BRANCH_RELATIVE]
    private static let traps = [ARM_INS_BKPT, ARM_INS_HLT, ARM_INS_TRAP, ARM_INS_UDF].map(\.rawValue)

    /// Asked in two ways, neither of which is enough: the registers accessed leave out what STMDB stores, the operands
    /// leave out what is implied. Of the ADR of 16 bits neither knows.
    private func usesProgramCounter(_ instruction: UnsafeMutablePointer<cs_insn>) -> Bool {
        instruction.pointee.id == ARM_INS_ADR.rawValue || accessesProgramCounter(instruction)
            || namesProgramCounter(instruction)
    }

    private func accessesProgramCounter(_ instruction: UnsafeMutablePointer<cs_insn>) -> Bool {
        var (readCount, writtenCount): (UInt8, UInt8) = (0, 0)
        return withUnsafeTemporaryAllocation(of: UInt16.self, capacity: 128) { registers in
            registers.initialize(repeating: 0)
            guard let base = registers.baseAddress,
                cs_regs_access(handle, instruction, base, &readCount, base + 64, &writtenCount) == CS_ERR_OK
            else { return true }
            let counter = UInt16(truncatingIfNeeded: ARM_REG_PC.rawValue)
            let isRead = registers[0..<Int(readCount)].contains(counter)
            return isRead || registers[64..<(64 + Int(writtenCount))].contains(counter)
        }
    }

    private func namesProgramCounter(_ instruction: UnsafeMutablePointer<cs_insn>) -> Bool {
        guard let detail = instruction.pointee.detail?.pointee else { return true }
        return withUnsafePointer(to: detail.arm.operands) { tuple in
            tuple.withMemoryRebound(to: cs_arm_op.self, capacity: 36) { operands in
                (0..<min(36, Int(detail.arm.op_count))).contains { Self.isProgramCounter(operands[$0]) }
            }
        }
    }

    private static func isProgramCounter(_ operand: cs_arm_op) -> Bool {
        let isShift = operand.shift.type.rawValue >= ARM_SFT_ASR_REG.rawValue
        if isShift && operand.shift.value == ARM_REG_PC.rawValue { return true }
        switch operand.type {
        case ARM_OP_REG: return operand.reg == Int32(ARM_REG_PC.rawValue)
        case ARM_OP_MEM: return operand.mem.base == ARM_REG_PC || operand.mem.index == ARM_REG_PC
        default: return false
        }
    }
}
