import Disassembly
import Testing

@testable import Stubs

/// Each kind of stub, seen by an independent disassembler.
@Suite struct StubTemplateTests {
    static let state = ThreadStateLayout(base: -192)
    static let templates: [(name: String, template: StubTemplate)] = [
        ("entry and exit", .entryAndExit(state)), ("depth limited", .entryAndExit(state, depthLimited: true)),
        ("entry only", .entryOnly(state)),
    ]

    static func decode(_ template: StubTemplate) throws -> [Disassembler.Instruction] {
        try #require(Disassembler()).decode(template.bytes)
    }

    @Test(arguments: 0..<3) func everyByteIsCode(index: Int) throws {
        let template = Self.templates[index].template
        let code = try Self.decode(template)
        #expect(code.map(\.byteCount).reduce(0, +) == template.bytes.count)
        #expect(template.frames.count == template.bytes.count)
        for instruction in code {
            #expect(Set(template.frames[instruction.offset..<instruction.end]).count == 1, "\(instruction.text)")
        }
        #expect((template.returnOffset == nil) == (index == 2))
    }

    /// A hole is the last four bytes of an instruction of its kind; jumps within lead to instructions.
    @Test(arguments: 0..<3) func holes(index: Int) throws {
        let template = Self.templates[index].template
        let code = try Self.decode(template)
        let starts = Set(code.map(\.offset))
        for (offset, hole, _) in template.holes {
            let instruction = try #require(code.first { $0.end == offset + 4 })
            switch hole {
            case .entryWord: #expect(instruction.mnemonic == "mov" && instruction.operands.hasSuffix(", 0"))
            case .exitWord: #expect(instruction.text == "mov dword ptr [rcx + 0x18], 0")
            case .thunk: #expect(instruction.mnemonic == "call")
            case .body: #expect(["call", "jmp"].contains(instruction.mnemonic))
            }
            #expect(template.bytes[offset..<offset + 4].allSatisfy { $0 == 0 })
        }
        let holeEnds = Set(template.holes.map { $0.offset + 4 })
        var jumpCount = 0
        for jump in code where jump.mnemonic.hasPrefix("j") && !holeEnds.contains(jump.end) {
            #expect(starts.contains(try target(jump)), "\(jump.text)")
            jumpCount += 1
        }
        #expect(jumpCount > 2)
        if let returnOffset = template.returnOffset {
            let call = try #require(code.first { $0.end == returnOffset })
            #expect(call.mnemonic == "call")
            #expect(template.holes.contains { $0.offset + 4 == returnOffset && $0.hole == .body })
        }
    }

    private func target(_ jump: Disassembler.Instruction) throws -> Int {
        let text = jump.operands
        return try #require(text.hasPrefix("0x") ? Int(text.dropFirst(2), radix: 16) : Int(text))
    }

    /// Follows every way through a stub. Before each instruction the frame must be what the
    /// template says; at the body and at the end, registers and stack must be the caller's.
    @Test(arguments: 0..<3) func everyPathKeepsFrameAndRegisters(index: Int) throws {
        let template = Self.templates[index].template
        let code = Dictionary(uniqueKeysWithValues: try Self.decode(template).map { ($0.offset, $0) })
        let holes = Dictionary(uniqueKeysWithValues: template.holes.map { ($0.offset + 4, $0.hole) })
        var reached: [Int: [Machine]] = [:]
        var work: [(Int, Machine)] = [(0, Machine())]
        var (bodies, returns) = (0, 0)
        while let (offset, before) = work.popLast() {
            if reached[offset, default: []].contains(before) { continue }
            reached[offset, default: []].append(before)
            let instruction = try #require(code[offset])
            #expect(
                template.frames[offset] == before.frameCode,
                "\(Self.templates[index].name) at \(offset): \(instruction.text)")
            var machine = before
            switch (instruction.mnemonic, holes[instruction.end]) {
            case ("call", .body):
                bodies += 1
                check(machine, changed: ["rbx"], stack: [])
                machine.bodyReturned()
                work.append((instruction.end, machine))
            case ("jmp", .body):
                bodies += 1
                check(machine, changed: [], stack: [.returnAddress])
            case ("call", .thunk(let thunk)):
                try machine.thunk(isLeave: thunk == .leave)
                work.append((instruction.end, machine))
            case ("ret", _):
                returns += 1
                check(machine, changed: ["r11"], stack: [.returnAddress])
            case ("jmp", _): work.append((try target(instruction), machine))
            case (let mnemonic, _) where mnemonic.hasPrefix("j"):
                work += [(try target(instruction), machine), (instruction.end, machine)]
            default:
                try machine.run(instruction)
                work.append((instruction.end, machine))
            }
        }
        #expect(reached.count == code.count, "all instructions are on some path")
        #expect(bodies > 0 && (returns > 0) == (template.returnOffset != nil))
    }

    private func check(_ machine: Machine, changed: Set<String>, stack: [Content]) {
        for register in Machine.general where !changed.contains(register) {
            #expect(machine.registers[register] == .original(register), "\(register)")
        }
        #expect(machine.stack == stack)
    }

    /// Nothing is written but what the documentation names: on the way in and on the way out.
    @Test(arguments: 0..<2) func writtenRegisters(index: Int) throws {
        let template = Self.templates[index].template
        let code = try Self.decode(template)
        let call = try #require(code.firstIndex { $0.end == template.returnOffset })
        let end = try #require(code[call...].firstIndex { $0.mnemonic == "ret" })
        let entry = code[..<call].reduce(into: Set<String>()) { $0.formUnion($1.written) }
        let exit = code[(call + 1)...end].reduce(into: Set<String>()) { $0.formUnion($1.written) }
        #expect(entry == ["rax", "rcx", "rdx", "rbx", "rsp", "rflags"])
        #expect(exit.subtracting(["rip"]) == ["rax", "rcx", "rdx", "rbx", "r11", "rsp", "rflags"])
    }
}
