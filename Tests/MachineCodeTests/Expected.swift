import MachineCode

/// How an instruction is written, in capstone's Intel syntax: the expectation for what it decodes.
enum Expected {
    static func name(_ register: X86Register) -> String { "\(register)" }

    static func name32(_ register: X86Register) -> String {
        register.rawValue < 8 ? "e" + name(register).dropFirst() : name(register) + "d"
    }

    /// Up to nine decimal, then hexadecimal.
    static func number(_ value: UInt64) -> String { value < 10 ? "\(value)" : "0x" + String(value, radix: 16) }

    static func text(_ memory: X86Memory, _ size: String) -> String {
        switch memory {
        case .fs(let displacement): "\(size) ptr fs:[\(number(UInt64(UInt32(bitPattern: displacement))))]"
        case .rip(let distance): "\(size) ptr [rip\(displacement(distance))]"
        case .base(let base, let distance): "\(size) ptr [\(name(base))\(displacement(distance))]"
        }
    }

    private static func displacement(_ value: Int32) -> String {
        if value == 0 { return "" }
        return (value < 0 ? " - " : " + ") + number(UInt64(value.magnitude))
    }

    static func text(_ instruction: X86Instruction) -> String {
        let (q, d) = ("qword", "dword")
        return switch instruction {
        case .push(let r): "push \(name(r))"
        case .pop(let r): "pop \(name(r))"
        case .pushMemory(let m): "push \(text(m, q))"
        case .popMemory(let m): "pop \(text(m, q))"
        case .load(let r, let m): "mov \(name(r)), \(text(m, q))"
        case .store(let m, let r): "mov \(text(m, q)), \(name(r))"
        case .load32(let r, let m): "mov \(name32(r)), \(text(m, d))"
        case .store32(let m, let r): "mov \(text(m, d)), \(name32(r))"
        case .storeImmediate32(let m, let v): "mov \(text(m, d)), \(number(UInt64(v)))"
        case .storeImmediate64(let m, let v): "mov \(text(m, q)), \(signed(v))"
        case .move(let a, let b): "mov \(name(a)), \(name(b))"
        case .moveSigned(let r, let v): "mov \(name(r)), \(signed(v))"
        case .moveImmediate32(let r, let v): "mov \(name32(r)), \(number(UInt64(v)))"
        case .move32(let a, let b): "mov \(name32(a)), \(name32(b))"
        case .loadAddress(let r, let m): "lea \(name(r)), \(text(m, "").dropFirst(5))"
        case .add(let a, let b): "add \(name(a)), \(name(b))"
        case .addImmediate(let r, let v): "add \(name(r)), \(signed(v))"
        case .subtract(let a, let b): "sub \(name(a)), \(name(b))"
        case .subtractImmediate(let r, let v): "sub \(name(r)), \(signed(v))"
        case .compare(let a, let b): "cmp \(name(a)), \(name(b))"
        case .compareImmediate(let r, let v): "cmp \(name(r)), \(signed(v))"
        case .compareMemory(let m, let r): "cmp \(text(m, q)), \(name(r))"
        case .compareWithMemory(let r, let m): "cmp \(name(r)), \(text(m, q))"
        case .compareWithMemory32(let r, let m): "cmp \(name32(r)), \(text(m, d))"
        case .exchangeAdd(let m, let r): "xadd \(text(m, q)), \(name(r))"
        case .test32(let a, let b): "test \(name32(a)), \(name32(b))"
        case .testImmediate32(let r, let v): "test \(name32(r)), \(number(UInt64(v)))"
        case .testAccumulator(let v): "test eax, \(number(UInt64(v)))"
        case .readTimeStampCounter: "rdtsc"
        case .jump(let v): "jmp \(target(v, 5))"
        case .jumpIf(let c, let v): "\(jump(c)) \(target(v, 6))"
        case .jumpMemory(let m): "jmp \(text(m, q))"
        case .call(let v): "call \(target(v, 5))"
        case .callMemory(let m): "call \(text(m, q))"
        case .systemCall: "syscall"
        case .ret: "ret"
        case .breakpoint: "int3"
        case .nop: "nop"
        }
    }

    private static func signed(_ value: some SignedInteger & FixedWidthInteger) -> String {
        value < 0 ? "-" + number(UInt64(value.magnitude)) : number(UInt64(value))
    }

    /// Where a branch at `base` goes.
    static let base: UInt64 = 0x7000_0000_0000
    private static func target(_ distance: Int32, _ byteCount: Int) -> String {
        number(base &+ UInt64(byteCount) &+ UInt64(bitPattern: Int64(distance)))
    }

    private static func jump(_ condition: X86Condition) -> String {
        switch condition {
        case .aboveOrEqual: "jae"
        case .equal: "je"
        case .notEqual: "jne"
        case .belowOrEqual: "jbe"
        }
    }
}
