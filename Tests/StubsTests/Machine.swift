import Disassembly

/// What a register or a stack word holds, as far as following the code can tell.
enum Content: Hashable {
    /// What the register held when the stub was entered, or when the body returned.
    case original(String)
    /// Where the traced function returns to.
    case returnAddress
    /// Where the body returns to: in the stub.
    case returnIntoStub
    /// `shadowTop` or what was computed from it: the shadow entry.
    case other
}

/// Follows a stub's instructions, with no knowledge but the disassembler's text.
struct Machine: Equatable {
    static let general = [
        "rax", "rcx", "rdx", "rbx", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
    ]
    var registers = Dictionary(uniqueKeysWithValues: general.map { ($0, Content.original($0)) })
    /// The last element is where rsp points.
    var stack: [Content] = [.returnAddress]
    var returnAddressIsInEntry = false
    /// rbx holds the shadow entry, and its field the caller's rbx.
    var callersRegisterIsInEntry = false

    enum Failure: Error { case underflow(String), unknown(String) }

    /// Where an unwinder has to look.
    var frameCode: UInt8 {
        var code: UInt8 = callersRegisterIsInEntry ? 0x40 : 0
        // From the top: the nearest one is what `ret` would take.
        if let index = stack.lastIndex(where: { $0 == .returnAddress || $0 == .returnIntoStub }) {
            code |= UInt8(stack.count - 1 - index)
            // One frame of the stub, and then the one that the body would return to.
            if stack[index] == .returnIntoStub { code &= ~0x40 }
        } else {
            code |= 0x80
        }
        return code
    }

    mutating func pop() throws -> Content {
        guard let last = stack.popLast() else { throw Failure.underflow("pop") }
        return last
    }

    /// Runs any instruction but jumps and calls.
    mutating func run(_ instruction: Disassembler.Instruction) throws {
        switch (instruction.mnemonic, instruction.operands) {
        case ("push", "qword ptr [rbx]"):
            guard returnAddressIsInEntry else { throw Failure.unknown("nothing in the entry") }
            stack.append(.returnAddress)
            returnAddressIsInEntry = false
        case ("push", let register):
            guard let content = registers[register] else { throw Failure.unknown(instruction.text) }
            stack.append(content)
        case ("pop", "qword ptr [rbx]"):
            guard try pop() == .returnAddress else { throw Failure.unknown("what is popped is no return address") }
            returnAddressIsInEntry = true
        case ("pop", let register):
            guard registers[register] != nil else { throw Failure.unknown(instruction.text) }
            registers[register] = try pop()
        case ("sub", "rsp, 8"):
            // What stood there last: the body's return address, just returned to.
            stack.append(.returnIntoStub)
        case ("mov", "rbx, rcx"):
            registers["rbx"] = .other
            callersRegisterIsInEntry = true
        case ("mov", "rax, qword ptr [rbx + 8]"):
            guard callersRegisterIsInEntry else { throw Failure.unknown("nothing saved") }
            registers["rax"] = .original("rbx")
        case ("mov", "rbx, rax"):
            registers["rbx"] = registers["rax"]
            callersRegisterIsInEntry = false
        default:
            if instruction.written.contains("rsp") { throw Failure.unknown(instruction.text) }
            for register in Machine.general where instruction.written.contains(register) {
                registers[register] = .other
            }
        }
    }

    /// What a thunk does: see slow_x86_64.S. `leave` fills the slot and gives rbx back.
    mutating func thunk(isLeave: Bool) throws {
        if isLeave {
            guard try pop() == .returnIntoStub else { throw Failure.unknown("no slot for leave") }
            stack.append(.returnAddress)
            registers["rbx"] = .original("rbx")
            (returnAddressIsInEntry, callersRegisterIsInEntry) = (false, false)
        } else {
            for register in ["rax", "rcx", "rdx"] { registers[register] = .other }
        }
    }

    /// The body has returned: every register is its own, rbx as the stub left it.
    mutating func bodyReturned() {
        let entry = registers["rbx"]
        for register in Machine.general { registers[register] = .original(register) }
        registers["rbx"] = entry
    }
}
