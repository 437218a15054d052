import CCapstone
import MachineCode

/// Capstone for tests: an opinion on our machine code that is not ours.
public final class Disassembler {
    private var handle: csh = 0

    public struct Instruction: Sendable {
        /// From the start of the code, bytes.
        public var offset: Int
        public var byteCount: Int
        /// Mnemonic and operands, Intel syntax.
        public var text: String
        /// 64-bit names of all general registers that are written, "rflags" and others as they are.
        public var written: Set<String>
        public var read: Set<String>

        public var mnemonic: String { String(text.prefix { $0 != " " }) }
        public var operands: String { String(text.drop { $0 != " " }.dropFirst()) }
        public var end: Int { offset + byteCount }
    }

    /// Nil when capstone was built without the instruction set.
    public init?(_ isa: InstructionSet = .x86_64) {
        let (architecture, mode): (cs_arch, cs_mode) =
            switch isa {
            case .x86_64: (CS_ARCH_X86, CS_MODE_64)
            case .a64: (CS_ARCH_ARM64, CS_MODE_ARM)
            case .a32: (CS_ARCH_ARM, CS_MODE_ARM)
            case .t32: (CS_ARCH_ARM, CS_MODE_THUMB)
            }
        guard cs_open(architecture, mode, &handle) == CS_ERR_OK else { return nil }
        cs_option(handle, CS_OPT_DETAIL, Int(CS_OPT_ON.rawValue))
    }

    deinit { cs_close(&handle) }

    /// Decodes from the start; stops before the first byte that is no instruction.
    public func decode(_ code: [UInt8], at address: UInt64 = 0) -> [Instruction] {
        var found: UnsafeMutablePointer<cs_insn>?
        let count = cs_disasm(handle, code, code.count, address, 0, &found)
        guard let found else { return [] }
        defer { cs_free(found, count) }
        return (0..<count).map { describe(found + $0, start: address) }
    }

    private func describe(_ insn: UnsafeMutablePointer<cs_insn>, start: UInt64) -> Instruction {
        let mnemonic = withUnsafeBytes(of: insn.pointee.mnemonic, Self.text)
        let operands = withUnsafeBytes(of: insn.pointee.op_str, Self.text)
        var (read, written) = (Set<String>(), Set<String>())
        withUnsafeTemporaryAllocation(of: UInt16.self, capacity: 128) { registers in
            registers.initialize(repeating: 0)
            guard let base = registers.baseAddress else { return }
            var (readCount, writtenCount): (UInt8, UInt8) = (0, 0)
            cs_regs_access(handle, insn, base, &readCount, base + 64, &writtenCount)
            read = Set((0..<Int(readCount)).map { name(registers[$0]) })
            written = Set((0..<Int(writtenCount)).map { name(registers[64 + $0]) })
        }
        return Instruction(
            offset: Int(insn.pointee.address &- start), byteCount: Int(insn.pointee.size),
            text: operands.isEmpty ? mnemonic : "\(mnemonic) \(operands)", written: written, read: read)
    }

    private func name(_ register: UInt16) -> String {
        let name = cs_reg_name(handle, UInt32(register)).map { String(cString: $0) } ?? "?"
        return Self.wideNames[name] ?? name
    }

    private static func text(_ bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// 32-bit names to those of the whole register.
    private static let wideNames: [String: String] = {
        var names: [String: String] = [:]
        for name in ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"] { names["e" + name] = "r" + name }
        for number in 8...15 { names["r\(number)d"] = "r\(number)" }
        return names
    }()
}
