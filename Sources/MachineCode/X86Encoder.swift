extension X86Instruction {
    /// Encodes the instruction.
    ///
    /// Shape:  1 to 13 bytes; displacements of branches always have 32 bits, so that the size
    ///         does not depend on the distance.
    /// Source: Intel SDM vol. 2A-2D; opcodes are beside each case.
    public var encoded: [UInt8] {
        var encoder = X86Encoder()
        encoder.append(self)
        return encoder.bytes
    }
}

struct X86Encoder {
    private(set) var bytes: [UInt8] = []

    mutating func append(_ instruction: X86Instruction) {
        if appendStackOrControl(instruction) { return }
        if appendMove(instruction) { return }
        appendArithmetic(instruction)
    }

    private mutating func appendStackOrControl(_ instruction: X86Instruction) -> Bool {
        switch instruction {
        case .push(let register): short(0x50, register)
        case .pop(let register): short(0x58, register)
        case .pushMemory(let memory): operation([0xff], field: 6, memory, wide: false)
        case .popMemory(let memory): operation([0x8f], field: 0, memory, wide: false)
        case .jump(let distance): bytes.append(0xe9); immediate(distance)
        case .jumpIf(let condition, let distance):
            bytes += [0x0f, 0x80 | condition.rawValue]
            immediate(distance)
        case .jumpMemory(let memory): operation([0xff], field: 4, memory, wide: false)
        case .call(let distance): bytes.append(0xe8); immediate(distance)
        case .callMemory(let memory): operation([0xff], field: 2, memory, wide: false)
        case .systemCall: bytes += [0x0f, 0x05]
        case .ret: bytes.append(0xc3)
        case .breakpoint: bytes.append(0xcc)
        case .readTimeStampCounter: bytes += [0x0f, 0x31]
        case .nop(let byteCount): bytes += X86Encoder.nop(byteCount: byteCount)
        default: return false
        }
        return true
    }

    private mutating func appendMove(_ instruction: X86Instruction) -> Bool {
        switch instruction {
        case .load(let register, let memory): operation([0x8b], field: register.rawValue, memory)
        case .store(let memory, let register): operation([0x89], field: register.rawValue, memory)
        case .load32(let register, let memory):
            operation([0x8b], field: register.rawValue, memory, wide: false)
        case .store32(let memory, let register):
            operation([0x89], field: register.rawValue, memory, wide: false)
        case .storeImmediate32(let memory, let value):
            operation([0xc7], field: 0, memory, wide: false)
            immediate(Int32(bitPattern: value))
        case .storeImmediate64(let memory, let value):
            operation([0xc7], field: 0, memory)
            immediate(value)
        case .move(let to, let from): registers(0x89, to, from, wide: true)
        case .move32(let to, let from): registers(0x89, to, from, wide: false)
        case .moveSigned(let register, let value):
            bytes += [0x48 | register.rawValue >> 3, 0xc7, 0xc0 | register.rawValue & 7]
            immediate(value)
        case .moveImmediate32(let register, let value):
            short(0xb8, register)
            immediate(Int32(bitPattern: value))
        case .loadAddress(let register, let memory):
            operation([0x8d], field: register.rawValue, memory)
        default: return false
        }
        return true
    }

    private mutating func appendArithmetic(_ instruction: X86Instruction) {
        switch instruction {
        case .add(let to, let from): registers(0x01, to, from, wide: true)
        case .subtract(let to, let from): registers(0x29, to, from, wide: true)
        case .compare(let left, let right): registers(0x39, left, right, wide: true)
        case .test32(let left, let right): registers(0x85, left, right, wide: false)
        case .testImmediate32(let register, let value):
            if register.rawValue >= 8 { bytes.append(0x41) }
            bytes += [0xf7, 0xc0 | register.rawValue & 7]
            immediate(Int32(bitPattern: value))
        case .addImmediate(let register, let value): group83(field: 0, register, value)
        case .subtractImmediate(let register, let value): group83(field: 5, register, value)
        case .compareImmediate(let register, let value): group83(field: 7, register, value)
        case .compareMemory(let memory, let register):
            operation([0x39], field: register.rawValue, memory)
        case .compareWithMemory(let register, let memory):
            operation([0x3b], field: register.rawValue, memory)
        case .compareWithMemory32(let register, let memory):
            operation([0x3b], field: register.rawValue, memory, wide: false)
        case .exchangeAdd(let memory, let register):
            operation([0x0f, 0xc1], field: register.rawValue, memory)
        case .testAccumulator(let value):
            bytes.append(0xa9)
            immediate(Int32(bitPattern: value))
        default: preconditionFailure("an instruction without an encoding: \(instruction)")
        }
    }

    private mutating func immediate(_ value: Int32) {
        let bits = UInt32(bitPattern: value)
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: bits >> shift))
        }
    }

    /// An opcode that holds the register in its low three bits.
    private mutating func short(_ opcode: UInt8, _ register: X86Register) {
        if register.rawValue >= 8 { bytes.append(0x41) }
        bytes.append(opcode | register.rawValue & 7)
    }

    private mutating func registers(_ opcode: UInt8, _ to: X86Register, _ from: X86Register, wide: Bool) {
        let rex: UInt8 = (wide ? 0x48 : 0x40) | (from.rawValue >> 3) << 2 | to.rawValue >> 3
        if rex != 0x40 { bytes.append(rex) }
        bytes += [opcode, 0xc0 | (from.rawValue & 7) << 3 | to.rawValue & 7]
    }

    private mutating func group83(field: UInt8, _ register: X86Register, _ value: Int8) {
        bytes += [
            0x48 | register.rawValue >> 3, 0x83, 0xc0 | field << 3 | register.rawValue & 7,
            UInt8(bitPattern: value),
        ]
    }

    /// Prefixes, opcode, ModRM, SIB and displacement of an instruction with a memory operand.
    private mutating func operation(_ opcode: [UInt8], field: UInt8, _ memory: X86Memory, wide: Bool = true) {
        if case .fs = memory { bytes.append(0x64) }
        var rex: UInt8 = (wide ? 0x48 : 0x40) | (field >> 3) << 2
        if case .base(let base, _) = memory { rex |= base.rawValue >> 3 }
        if rex != 0x40 { bytes.append(rex) }
        bytes += opcode
        let middle = (field & 7) << 3
        switch memory {
        case .fs(let displacement):
            bytes += [middle | 0x04, 0x25]
            immediate(displacement)
        case .rip(let displacement):
            bytes.append(middle | 0x05)
            immediate(displacement)
        case .base(let base, let displacement):
            basePlusDisplacement(base, displacement, middle)
        }
    }

    private mutating func basePlusDisplacement(_ base: X86Register, _ displacement: Int32, _ middle: UInt8) {
        let low = base.rawValue & 7
        let short = Int8(exactly: displacement)
        // rbp and r13 have no form without a displacement; rsp and r12 need a SIB byte.
        let mode: UInt8 = displacement == 0 && low != 5 ? 0x00 : short != nil ? 0x40 : 0x80
        bytes.append(mode | middle | low)
        if low == 4 { bytes.append(0x24) }
        if mode == 0x40, let short { bytes.append(UInt8(bitPattern: short)) }
        if mode == 0x80 { immediate(displacement) }
    }

    /// Source: Intel SDM vol. 2B, NOP, table 4-12.
    private static func nop(byteCount: Int) -> [UInt8] {
        switch byteCount {
        case 1: [0x90]
        case 2: [0x66, 0x90]
        case 3: [0x0f, 0x1f, 0x00]
        case 4: [0x0f, 0x1f, 0x40, 0x00]
        case 5: [0x0f, 0x1f, 0x44, 0x00, 0x00]
        case 6: [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00]
        case 7: [0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00]
        case 8: [0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00]
        case 9: [0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00]
        default: preconditionFailure("a NOP has 1 to 9 bytes, not \(byteCount)")
        }
    }
}
