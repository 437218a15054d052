import CElfutils
import Glibc

/// libdw's reading of an image's call frame information, run on a model of the machine.
final class Unwinder {
    private let elf: OpaquePointer
    private let cfi: OpaquePointer
    private let bytes: UnsafeMutableBufferPointer<CChar>

    struct Registers {
        var rbx: UInt64
        var rsp: UInt64
    }

    struct Caller: Equatable {
        var cfa: UInt64
        /// Where the return address stands.
        var returnAddressPlace: UInt64
        var rbx: UInt64
        var rsp: UInt64
    }

    enum Failure: Error { case libdw(String), noRule(Int), operation(UInt8), stack }

    init(image: [UInt8]) throws {
        bytes = .allocate(capacity: image.count)
        _ = bytes.initialize(from: image.map { CChar(bitPattern: $0) })
        elf_version(UInt32(EV_CURRENT))
        guard let elf = elf_memory(bytes.baseAddress, bytes.count) else { throw Failure.libdw("elf_memory") }
        self.elf = elf
        guard let cfi = dwarf_getcfi_elf(elf) else { throw Failure.libdw(String(cString: dwarf_errmsg(-1))) }
        self.cfi = cfi
    }

    deinit {
        dwarf_cfi_end(cfi)
        elf_end(elf)
        bytes.deallocate()
    }

    /// What the rules at `pc` say; `load` reads the process's memory.
    func caller(
        at pc: UInt64, _ registers: Registers, load: @escaping (_ address: UInt64, _ byteCount: Int) throws -> UInt64
    ) throws -> Caller {
        var frame: OpaquePointer?
        guard dwarf_cfi_addrframe(cfi, pc, &frame) == 0 else {
            throw Failure.libdw(String(cString: dwarf_errmsg(-1)))
        }
        defer { frame.map { free(UnsafeMutableRawPointer($0)) } }
        var (operations, count): (UnsafeMutablePointer<Dwarf_Op>?, Int) = (nil, 0)
        guard dwarf_frame_cfa(frame, &operations, &count) == 0 else { throw Failure.libdw("no CFA") }
        let machine = (pc: pc, registers: registers, load: load)
        let cfa = try run(Array(UnsafeBufferPointer(start: operations, count: count)), machine, cfa: 0).value
        func rule(_ register: Int32) throws -> (value: UInt64, isValue: Bool) {
            var room = [Dwarf_Op](repeating: Dwarf_Op(), count: 3)
            var (operations, count): (UnsafeMutablePointer<Dwarf_Op>?, Int) = (nil, 0)
            guard dwarf_frame_register(frame, register, &room, &operations, &count) == 0, count > 0 else {
                throw Failure.noRule(Int(register))
            }
            return try run(Array(UnsafeBufferPointer(start: operations, count: count)), machine, cfa: cfa)
        }
        let (place, rbx, rsp) = (try rule(16), try rule(3), try rule(7))
        guard !place.isValue, rbx.isValue, rsp.isValue else { throw Failure.libdw("place and value mixed up") }
        return Caller(cfa: cfa, returnAddressPlace: place.value, rbx: rbx.value, rsp: rsp.value)
    }

    private typealias Model = (pc: UInt64, registers: Registers, load: (UInt64, Int) throws -> UInt64)

    /// Source: DWARF 5 section 2.5.
    private func run(_ code: [Dwarf_Op], _ machine: Model, cfa: UInt64) throws -> (value: UInt64, isValue: Bool) {
        var stack: [UInt64] = []
        func pop() throws -> UInt64 {
            guard let last = stack.popLast() else { throw Failure.stack }
            return last
        }
        var index = 0
        var isValue = false
        while index < code.count {
            let operation = code[index]
            var target: Int64?
            switch operation.atom {
            case 0x06: stack.append(try machine.load(try pop(), 8))
            case 0x08, 0x0e: stack.append(operation.number)
            case 0x12:
                stack.append(
                    try {
                        let top = try pop(); stack.append(top); return top
                    }())
            case 0x13: _ = try pop()
            case 0x1a, 0x1c, 0x1d, 0x1e, 0x22:
                let (b, a) = (try pop(), try pop())
                switch operation.atom {
                case 0x1a: stack.append(a & b)
                case 0x1c: stack.append(a &- b)
                case 0x1d: stack.append(a % b)
                case 0x1e: stack.append(a &* b)
                default: stack.append(a &+ b)
                }
            case 0x28: if try pop() != 0 { target = Int64(bitPattern: operation.number) }
            case 0x2f: target = Int64(bitPattern: operation.number)
            case 0x73: stack.append(machine.registers.rbx &+ operation.number)
            case 0x77: stack.append(machine.registers.rsp &+ operation.number)
            // The return address column is the frame's own pc.
            case 0x80: stack.append(machine.pc &+ operation.number)
            case 0x92 where operation.number == 7: stack.append(machine.registers.rsp &+ operation.number2)
            case 0x94: stack.append(try machine.load(try pop(), Int(operation.number)))
            case 0x9c: stack.append(cfa)
            case 0x9f: isValue = true
            default: throw Failure.operation(operation.atom)
            }
            index += 1
            if let target {
                let place = Int64(operation.offset) + 3 + target
                // The end of the expression: where libdw has added what makes it a value.
                let end = code.last?.atom == 0x9f ? code.count - 1 : code.count
                index = code.firstIndex { Int64(bitPattern: UInt64($0.offset)) == place } ?? end
            }
        }
        return (try pop(), isValue)
    }
}
