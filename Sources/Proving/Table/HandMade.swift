import MachineCode
import Patching

/// Scenarios for plans that no planner makes: some instructions replaced by others, by aligned stores of a word.
enum HandMade {
    static let site: UInt64 = 0x1_0000
    static let stub: UInt64 = site &+ 0x104
    private static let offForm = 0
    private static let onForm = 1

    typealias Line = (text: String, bytes: [UInt8])

    /// `old` becomes `new` by naturally aligned stores of at most a word, then maintenance and a sync.
    static func replacing(
        _ isa: InstructionSet, offset: UInt64 = 0, old: [Line], new: [Line], isStopped: Bool = false
    ) throws(PlanError) -> Scenario {
        let start = site &+ offset
        var scenario = Scenario(isa: isa)
        let window = start..<start &+ UInt64(old.flatMap(\.bytes).count)
        place(old, at: start, window.upperBound, &scenario)
        place(new, at: start, window.upperBound, &scenario)
        try finish(&scenario, window, old.flatMap(\.bytes))
        // A branch over the window is old as well: nobody can tell.
        let leadsToStub = new.contains { $0.text.contains("stub") }
        scenario.sites = [SiteModel(window: window, effects: [[], leadsToStub ? [.traced] : []])]
        scenario.actions = [
            .run(rewrite(start, old.flatMap(\.bytes), new.flatMap(\.bytes), isStopped), becomes: [0: onForm])
        ]
        return scenario
    }

    private static func place(_ lines: [Line], at start: UInt64, _ end: UInt64, _ scenario: inout Scenario) {
        var address = start
        for line in lines {
            let action: ModelInstruction.Action =
                line.text.contains("stub") ? .jump(stub) : line.text.contains("over") ? .jump(end) : .pass
            scenario.instructions.append(ModelInstruction(address, line.bytes, line.text, action))
            address &+= UInt64(line.bytes.count)
        }
    }

    /// The body behind the window, and a stub that has always been there.
    private static func finish(
        _ scenario: inout Scenario, _ window: Range<UInt64>, _ bytes: [UInt8]
    ) throws(PlanError) {
        let isa = scenario.isa
        let back = SiteInstructions.returnBytes(isa)
        let call = try Site(isa: isa, address: site, shape: .smallNops(count: 1), original: bytes, tail: [])
            .callBytes(from: stub, to: window.upperBound)
        scenario.instructions += [
            ModelInstruction(window.upperBound, back, "the body", .body),
            ModelInstruction(stub, call, "stub: record the entry, call the body", .enterStub(body: window.upperBound)),
            ModelInstruction(stub &+ 4, back, "stub: record the exit, return", .leaveStub),
        ]
        let before = window.lowerBound & ~7
        scenario.memory = [
            (before, Array(repeating: 0, count: Int(window.lowerBound - before)) + bytes + back + [0, 0, 0, 0]),
            (stub, call + back + [0, 0, 0, 0]),
        ]
    }

    /// Naturally aligned stores that turn `old` into `new`, the widest first, as far as both reach.
    static func stores(_ old: [UInt8], _ new: [UInt8], at address: UInt64, widest: Int = 8) -> [PlanStep] {
        var steps: [PlanStep] = []
        var offset = 0
        let count = min(old.count, new.count)
        while offset < count {
            var width = widest
            while (address &+ UInt64(offset)) % UInt64(width) != 0 || offset + width > count { width /= 2 }
            func number(_ bytes: [UInt8]) -> UInt64 {
                (0..<width).reduce(UInt64(0)) { $0 | UInt64(bytes[offset + $1]) << UInt64(8 * $1) }
            }
            steps.append(
                .store(
                    address: address &+ UInt64(offset), width: width, value: number(new), expected: number(old)))
            offset += width
        }
        return steps
    }

    private static func rewrite(_ start: UInt64, _ old: [UInt8], _ new: [UInt8], _ isStopped: Bool) -> Plan {
        let storing = stores(old, new, at: start, widest: 4)
        return Plan(
            steps: isStopped
                ? [.park] + storing + [.maintainCaches, .resume]
                : [.open] + storing + [.maintainCaches, .syncCores, .close],
            patchProtocol: isStopped ? .stopped : .singleStore, siteCount: 1)
    }

    /// `IT EQ; NOP` with a breakpoint on the NOP, which is taken away again; the handler sends on who hits it.
    ///
    /// - Parameter isStopped: threads are stopped for both, so that nothing is executed while it is replaced.
    static func insideIT(
        _ nop: Line, _ breakpoint: Line, _ action: ModelInstruction.Action, isStopped: Bool
    ) throws(PlanError) -> Scenario {
        let start = site &+ 2
        let window = start..<start &+ UInt64(nop.bytes.count)
        var scenario = Scenario(isa: .t32)
        try finish(&scenario, window, nop.bytes)
        scenario.memory[0].bytes[0] = 0x08
        scenario.memory[0].bytes[1] = 0xbf
        scenario.instructions += [
            ModelInstruction(site, [0x08, 0xbf], "it eq", .ifThen([true])),
            ModelInstruction(start, nop.bytes, nop.text, .pass),
            ModelInstruction(start, breakpoint.bytes, breakpoint.text, action),
        ]
        scenario.sites = [SiteModel(window: window, entry: site, effects: [[]])]
        let before: [PlanStep] = isStopped ? [.park] : [.open]
        let after: [PlanStep] = isStopped ? [.maintainCaches, .resume] : [.maintainCaches, .syncCores, .close]
        let placing = stores(nop.bytes, breakpoint.bytes, at: start)
        let taking = stores(breakpoint.bytes, nop.bytes, at: start)
        let plan = Plan(
            steps: [.catchBreakpoints] + before + placing + after + before + taking + after,
            patchProtocol: .breakpoint, siteCount: 1, traps: [Trap(address: start, target: window.upperBound)])
        scenario.actions = [.run(plan, becomes: [0: 0])]
        return scenario
    }
}
