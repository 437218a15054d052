import MachineCode
import Patching

/// The lawful instructions at one site, form by form, and what a visit to each form shows.
struct SiteInstructions {
    let shape: ProvedShape
    let site: Site
    let stub: UInt64
    private(set) var instructions: [ModelInstruction] = []
    private(set) var effects: [[Effect]] = []

    /// Indices of forms: the planner's three, then one that a plan may leave behind it in a visit that it meets half way.
    static let original = 0, off = 1, on = 2, hookedAndTraced = 3

    static func index(of form: SiteForm) -> Int {
        switch form {
        case .original: original
        case .off: off
        case .on: on
        }
    }

    /// Throws: `.outOfRange` when the stub is farther than a branch reaches.
    init(_ shape: ProvedShape, at address: UInt64, stub: UInt64) throws(PlanError) {
        self.shape = shape
        self.stub = stub
        site = shape.site(at: address)
        addOriginal()
        try addArmed(isOn: false)
        try addArmed(isOn: true)
        addTail()
        instructions.append(ModelInstruction(end, Self.bodyBytes(shape.isa), "the body", .body))
        try addStub()
        effects = forms()
    }

    var end: UInt64 { site.address &+ UInt64(site.original.count) }
    private var hasHook: Bool { if case .mcountCall = shape.shape { true } else { false } }

    private func forms() -> [[Effect]] {
        let prologue = shape.prologue.indices.compactMap { Effect.prologue($0) }
        switch shape.shape {
        case .fentryCall: return [[.hook], [], [.traced]]
        case .mcountCall:
            let call: [Effect] = shape.isa == .x86_64 ? [.hook] : [.link, .hook]
            return [prologue + call, prologue, [.traced] + prologue, [.traced] + prologue + call]
        case .singleNop, .smallNops, .mixedNops, .xraySled: return [[], [], [.traced]]
        }
    }

    private mutating func addOriginal() {
        switch shape.shape {
        case .fentryCall(let byteCount): add(0, byteCount, site.original, "call __fentry__", .effect(.hook))
        case .mcountCall(let prologueByteCount, _):
            addPrologue(at: 0)
            addCall(at: prologueByteCount)
        case .xraySled:
            add(0, shape.isa == .x86_64 ? 2 : 4, site.original, "jmp over the sled", .jump(end))
        case .singleNop(let byteCount): add(0, byteCount, site.original, "nop", .pass)
        case .smallNops, .mixedNops: addNops(from: 0, site.original)
        }
    }

    private mutating func addCall(at offset: Int) {
        var offset = offset
        if shape.isa != .x86_64 {
            add(offset, shape.isa.unitByteCount, site.original, "push {lr}", .effect(.link))
            offset += shape.isa.unitByteCount
        }
        add(offset, site.original.count - offset, site.original, "call mcount", .effect(.hook))
    }

    private mutating func addArmed(isOn: Bool) throws(PlanError) {
        let bytes = try site.bytes(of: isOn ? .on : .off, bias: 0, stub: stub)
        switch shape.isa {
        case .x86_64:
            add(0, 5, bytes, isOn ? "jmp stub" : "test eax, imm32", isOn ? .jump(stub) : .pass)
        case .a64, .a32:
            let isBranch = shape.shape == .xraySled
            add(
                0, 4, bytes, isOn ? "b stub" : isBranch ? "b over the sled" : "nop",
                isOn ? .jump(stub) : isBranch ? .jump(end) : .pass)
        case .t32:
            add(0, 2, bytes, isOn ? "nop" : "b.n over", isOn ? .pass : .jump(site.address &+ 6))
            add(2, 4, bytes, "b.w stub", .jump(stub))
        }
    }

    private mutating func addTail() {
        let start = site.sledByteCount
        guard hasHook else { return addNops(from: start, site.tail) }
        addPrologue(at: start)
        let prologueByteCount = shape.prologue.reduce(0, +)
        addNops(from: start + prologueByteCount, Array(site.tail.dropFirst(prologueByteCount)))
    }

    private mutating func addPrologue(at start: Int) {
        var offset = 0
        for (index, byteCount) in shape.prologue.enumerated() {
            guard let effect = Effect.prologue(index) else { return }
            add(
                start + offset, Array(site.original[offset..<offset + byteCount]), "prologue \(index + 1)",
                .effect(effect))
            offset += byteCount
        }
    }

    private mutating func addNops(from start: Int, _ bytes: [UInt8]) {
        var offset = 0
        while offset < bytes.count {
            let byteCount = min(nopByteCount(bytes, offset), bytes.count - offset)
            add(start + offset, Array(bytes[offset..<offset + byteCount]), "nop", .pass)
            offset += byteCount
        }
    }

    private func nopByteCount(_ bytes: [UInt8], _ offset: Int) -> Int {
        switch shape.isa {
        case .x86_64: X86Nop.byteCount(at: offset) { bytes.indices.contains($0) ? bytes[$0] : nil } ?? 1
        case .a64, .a32: 4
        case .t32: T32Instruction.isWide(UInt16(bytes[offset]) | UInt16(bytes[offset + 1]) << 8) ? 4 : 2
        }
    }

    /// The stub calls the body, where that is in the present form, and returns.
    private mutating func addStub() throws(PlanError) {
        var bodies = [site.bodyAddress]
        if hasHook { bodies.append(site.address) }
        for body in bodies {
            let call = try site.callBytes(from: stub, to: body)
            instructions.append(
                ModelInstruction(stub, call, "stub: record the entry, call \(hex(body))", .enterStub(body: body)))
        }
        let exit = Self.returnBytes(shape.isa)
        let length = UInt64(instructions.last?.bytes.count ?? 0)
        instructions.append(ModelInstruction(stub &+ length, exit, "stub: record the exit, return", .leaveStub))
    }

    /// What is written to the stub's place before it is exposed.
    func stubBytes() throws(PlanError) -> [UInt8] {
        try site.callBytes(from: stub, to: site.bodyAddress) + Self.returnBytes(shape.isa)
    }

    /// Where a way to the body stands in the stub that a plan may have to turn.
    var bodyHoles: [UInt64] { hasHook ? [shape.isa == .x86_64 ? stub &+ 1 : stub] : [] }

    static func bodyBytes(_ isa: InstructionSet) -> [UInt8] { isa == .x86_64 ? [0xf4] : returnBytes(isa) }

    static func returnBytes(_ isa: InstructionSet) -> [UInt8] {
        switch isa {
        case .x86_64: [0xc3]
        case .a64: [0xc0, 0x03, 0x5f, 0xd6]
        case .a32: [0x1e, 0xff, 0x2f, 0xe1]
        case .t32: [0x70, 0x47]
        }
    }

    private mutating func add(
        _ offset: Int, _ byteCount: Int, _ window: [UInt8], _ text: String, _ action: ModelInstruction.Action
    ) {
        add(offset, Array(window[offset..<offset + byteCount]), text, action)
    }

    private mutating func add(_ offset: Int, _ bytes: [UInt8], _ text: String, _ action: ModelInstruction.Action) {
        let instruction = ModelInstruction(site.address &+ UInt64(offset), bytes, text, action)
        if !instructions.contains(where: { $0.address == instruction.address && $0.bytes == bytes }) {
            instructions.append(instruction)
        }
    }
}
