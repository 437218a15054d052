import MachineCode
import Patching

/// A plan that must not be run, with what the checker has to say about it.
public struct Refutation: Sendable {
    /// As it is called on the command line.
    public var name: String
    /// What is tried, in a sentence.
    public var attempt: String
    public var scenario: Scenario
    /// What the checker may name it; one of these.
    public var expected: Set<Violation.Kind>

    init(_ name: String, _ attempt: String, _ expected: Set<Violation.Kind>, _ scenario: Scenario) {
        self.name = name
        self.attempt = attempt
        self.scenario = scenario
        self.expected = expected
    }
}

extension Refutation {
    /// The plans that people ask for on mailing lists, and those that Nopal made until the checker looked at them.
    ///
    /// Throws: `.outOfRange`, which no address here leads to.
    public static func all() throws(PlanError) -> [Refutation] {
        try x86() + a64() + a32() + t32() + found()
    }

    private static func shape(_ name: String, _ isa: InstructionSet) -> ProvedShape {
        ProvedShape.all.first { $0.name == name && $0.isa == isa } ?? ProvedShape.all[0]
    }

    private static let sync: [PlanStep] = [.maintainCaches, .syncCores]

    private static func live(_ steps: [PlanStep], _ patchProtocol: PatchProtocol = .singleStore) -> Plan {
        Plan(steps: [.open] + steps + sync + [.close], patchProtocol: patchProtocol, siteCount: 1)
    }

    /// One site that goes from its original form to being on by the given steps.
    private static func arming(
        _ shape: ProvedShape, offset: UInt64, _ plan: (_ old: [UInt8], _ new: [UInt8], _ address: UInt64) -> Plan
    ) throws(PlanError) -> Scenario {
        let builder = ScenarioBuilder(shape, from: .original, to: .on, by: .singleStore, offset: offset)
        let parts = try builder.parts()
        var (scenario, publication) = try builder.blank(parts)
        let site = parts[0].site
        let made = plan(site.original, try site.bytes(of: .on, bias: 0, stub: parts[0].stub), site.address)
        scenario.addBreakpoints(of: made)
        scenario.actions = [
            .run(publication, becomes: [:]), .run(made, becomes: [0: SiteInstructions.on]),
        ]
        return scenario
    }

    /// What the planner makes, with a change.
    private static func planned(
        _ shape: ProvedShape, _ from: SiteForm, _ to: SiteForm, _ patchProtocol: PatchProtocol, offset: UInt64 = 0,
        _ change: (inout Scenario) -> Void
    ) throws(PlanError) -> Scenario {
        let builder = ScenarioBuilder(shape, from: from, to: to, by: patchProtocol, offset: offset)
        guard case .scenario(var scenario) = try builder.build() else {
            throw .invalid("the planner does not offer \(patchProtocol.rawValue) for \(shape.name)")
        }
        change(&scenario)
        return scenario
    }

    private static func x86() throws(PlanError) -> [Refutation] {
        let nop = shape("5-byte nop", .x86_64)
        let small = shape("5 small nops", .x86_64)
        return [
            Refutation(
                "nop5-across-a-line",
                "a 5-byte NOP that straddles a cache line becomes a jump, by one write as the program sees it",
                [.torn],
                try arming(nop, offset: 61) { old, new, address in live(HandMade.stores(old, new, at: address)) }),
            Refutation(
                "five-byte-stores", "the same inside an aligned word, byte by byte", [.torn],
                try arming(nop, offset: 0) { old, new, address in
                    live(HandMade.stores(old, new, at: address, widest: 1))
                }),
            Refutation(
                "breakpoint-without-middle-sync",
                "int3; sync; tail and first byte at once; sync, on a NOP that straddles a line", [.torn],
                try arming(nop, offset: 61) { old, new, address in breakpoint(old, new, address, middleSync: false) }),
            Refutation(
                "small-nops-parked-inside",
                "five one-byte NOPs become a jump by one aligned store; a thread stands between them",
                [.resumedInside],
                try arming(small, offset: 0) { old, new, address in live(covering(old, new, at: address)) }),
            Refutation(
                "small-nops-stopped-unlooked", "the same with every thread stopped, but nobody looks where",
                [.resumedInside],
                try arming(small, offset: 0) { old, new, address in
                    Plan(
                        steps: [.park] + HandMade.stores(old, new, at: address) + [.resume], patchProtocol: .stopped,
                        siteCount: 1)
                }),
            Refutation(
                "freed-while-inside", "a stub is given back after the site is off, while a thread is in it",
                [.freedStub],
                try planned(nop, .off, .on, .singleStore) { $0.giveBackWithoutLooking() }),
        ]
    }

    /// One store of the aligned word of 8 that the site lies in.
    private static func covering(_ old: [UInt8], _ new: [UInt8], at address: UInt64) -> [PlanStep] {
        let around: [UInt8] = [0xf4, 0xf4, 0xf4]
        return HandMade.stores(old + around, new + around, at: address)
    }

    private static func breakpoint(
        _ old: [UInt8], _ new: [UInt8], _ address: UInt64, middleSync: Bool
    ) -> Plan {
        let (first, last) = (UInt64(old[0]), UInt64(new[0]))
        var steps: [PlanStep] = [.open, .catchBreakpoints]
        steps += [.store(address: address, width: 1, value: UInt64(Sled.breakpoint), expected: first)] + sync
        steps += HandMade.stores(Array(old.dropFirst()), Array(new.dropFirst()), at: address &+ 1)
        if middleSync { steps += sync }
        steps += [.store(address: address, width: 1, value: last, expected: UInt64(Sled.breakpoint))] + sync + [.close]
        return Plan(
            steps: steps, patchProtocol: .breakpoint, siteCount: 1,
            traps: [Trap(address: address, target: address &+ UInt64(old.count))])
    }

    private static func a64() throws(PlanError) -> [Refutation] {
        let nop = shape("nop", .a64)
        let store: [UInt8] = [0xfe, 0x0f, 0xbf, 0xa9]
        return [
            Refutation(
                "a64-branch-to-stp", "a B becomes an STP, which is not on the list", [.unpredictable],
                try HandMade.replacing(
                    .a64, old: [("b over", [0x01, 0, 0, 0x14])], new: [("stp x30, xzr, [sp, #-16]!", store)])),
            Refutation(
                "a64-stp-before-bl", "two NOPs become STP and BL, the STP first", [.unpredictable],
                try HandMade.replacing(
                    .a64, old: [("nop", [0x1f, 0x20, 0x03, 0xd5]), ("nop", [0x1f, 0x20, 0x03, 0xd5])],
                    new: [("stp x30, xzr, [sp, #-16]!", store), ("bl stub", [0x40, 0, 0, 0x94])])),
            Refutation(
                "a64-stub-exposed-unsynced",
                "a branch leads to a stub that was written, but not maintained and synchronised",
                [.exposed, .unpredictable],
                try planned(nop, .original, .on, .singleStore) { $0.dropSync(ofAction: 0) }),
            Refutation(
                "a64-data-after-branch", "the stub's data is written after the branch that leads there", [.dataNotSeen],
                try planned(nop, .original, .on, .singleStore) { $0.writeDataLate() }),
            Refutation(
                "a64-batch-in-order", "two sites switched on one after the other are assumed to be seen in that order",
                [.order],
                try batch(.none)),
            Refutation(
                "a64-batch-in-order-idc", "the same where data caches need no cleaning", [.order], try batch(.idc)),
        ]
    }

    private static func a32() throws(PlanError) -> [Refutation] {
        [
            Refutation(
                "a32-mov-to-branch", "MOV r0, r0, which assemblers took for a NOP, becomes a B; it is not on the list",
                [.unpredictable],
                try HandMade.replacing(
                    .a32, old: [("mov r0, r0", [0x00, 0x00, 0xa0, 0xe1])], new: [("b stub", [0x3f, 0x00, 0x00, 0xea])])),
            Refutation(
                "a32-no-maintenance",
                "a NOP becomes a B, cores synchronise, but instruction caches are not invalidated",
                [.stale],
                try planned(shape("nop", .a32), .off, .on, .singleStore) { $0.dropMaintenance() }),
        ]
    }

    private static func batch(_ caches: CacheKind) throws(PlanError) -> Scenario {
        var builder = ScenarioBuilder(shape("nop", .a64), from: .original, to: .on, by: .singleStore)
        builder.siteCount = 2
        builder.caches = caches
        builder.threadCount = 1
        guard case .scenario(var scenario) = try builder.build() else { throw .invalid("two sites") }
        scenario.actions = Array(scenario.actions.prefix(2))
        scenario.assumesOrder = true
        return scenario
    }

    private static func t32() throws(PlanError) -> [Refutation] {
        let wide: [UInt8] = [0xaf, 0xf3, 0x00, 0x80]
        let branch = try stub(from: HandMade.site)
        let unaligned = try stub(from: HandMade.site &+ 2)
        let half: [UInt8] = [0x00, 0xbf]
        return [
            Refutation(
                "t32-nops-to-bl", "NOP; NOP becomes a BL by one aligned store; a thread stands at +2",
                [.unpredictable, .torn, .resumedInside],
                try HandMade.replacing(.t32, old: [("nop", half), ("nop", half)], new: [("bl stub", branch)])),
            Refutation(
                "t32-nops-to-bl-stopped",
                "the same with every thread stopped, but nobody looks where: one goes on at +2 in the middle of the BL",
                [.resumedInside],
                try HandMade.replacing(
                    .t32, old: [("nop", half), ("nop", half)], new: [("bl stub", branch)], isStopped: true)),
            Refutation(
                "t32-word-at-2", "a NOP.W at address % 4 = 2 becomes a B.W: the store is two", [.unpredictable, .torn],
                try HandMade.replacing(
                    .t32, offset: 2, old: [("nop.w", wide)], new: [("b.w stub", unaligned)])),
            Refutation(
                "t32-nop-w-aligned",
                "a NOP.W becomes a B.W by one aligned store: nothing promises that it is fetched as a whole",
                [.unpredictable, .torn],
                try HandMade.replacing(.t32, old: [("nop.w", wide)], new: [("b.w stub", branch)])),
            Refutation(
                "t32-bkpt-in-it",
                "a BKPT on a 16-bit NOP inside an IT block: it is taken, and the block's state stays behind",
                [.wrongEffect],
                try HandMade.insideIT(("nopeq", half), ("bkpt", [0x00, 0xbe]), .breakpoint, isStopped: false)),
            Refutation(
                "t32-bkpt-on-wide-in-it", "a BKPT on a NOP.W inside an IT block, while it runs", [.unpredictable],
                try HandMade.insideIT(("nopeq.w", wide), ("bkpt", [0x00, 0xbe]), .breakpoint, isStopped: false)),
            Refutation(
                "t32-udf-on-wide-in-it",
                "a 16-bit UDF on a NOP.W inside an IT block, threads stopped: its condition fails, and it is a NOP of two bytes",
                [.resumedInside],
                try HandMade.insideIT(("nopeq.w", wide), ("udf", [0x00, 0xde]), .undefined, isStopped: true)),
            Refutation(
                "t32-udf-w-in-it",
                "a UDF.W on a NOP.W inside an IT block, threads stopped: when it is taken, the block's state stays behind",
                [.wrongEffect],
                try HandMade.insideIT(
                    ("nopeq.w", wide), ("udf.w", [0xf0, 0xf7, 0x00, 0xa0]), .undefined, isStopped: true)),
        ]
    }

    private static func stub(from address: UInt64) throws(PlanError) -> [UInt8] {
        do {
            return try T32Instruction.branchWide(Int64(bitPattern: HandMade.stub &- address)).encodedBytes()
        } catch { throw .invalid("\(error)") }
    }

    /// What Nopal's own planner, executor or design did until the checker looked.
    private static func found() throws(PlanError) -> [Refutation] {
        let small = shape("3 small nops", .t32)
        let mcount = shape("prologue; call mcount", .x86_64)
        let hook = shape("call __fentry__", .x86_64)
        return [
            Refutation(
                "t32-freed-before-branch",
                "a stub is given back when no thread is inside; but one stands between the sled's NOP and its B.W",
                [.freedStub],
                try planned(small, .off, .on, .singleStore) { scenario in
                    for (index, action) in scenario.actions.enumerated() {
                        if case .release(let range, _, _) = action {
                            scenario.actions[index] = .release(range, looks: true)
                        }
                    }
                }),
            Refutation(
                "mcount-entered-twice",
                "a slid prologue is put back under a traced call and slid again: the call goes through the sled once more",
                [.wrongEffect],
                try planned(mcount, .original, .on, .stopped) { $0.forgetEntered() }),
            Refutation(
                "breakpoint-skips-hook",
                "call __fentry__ becomes a jump by breakpoints: who hits one is neither hooked nor traced",
                [.stale, .wrongEffect],
                try arming(hook, offset: 0) { old, new, address in breakpoint(old, new, address, middleSync: true) }),
        ]
    }
}

extension Scenario {
    fileprivate mutating func giveBackWithoutLooking() {
        for (index, action) in actions.enumerated() {
            if case .release(let range, _, _) = action { actions[index] = .release(range, looks: false) }
        }
    }

    private mutating func change(_ index: Int, _ body: (inout Plan) -> Void) {
        guard case .run(var plan, let becomes, let meanwhile) = actions[index] else { return }
        body(&plan)
        actions[index] = .run(plan, becomes: becomes, meanwhile: meanwhile)
    }

    fileprivate mutating func dropSync(ofAction index: Int) {
        change(index) { $0.steps.removeAll { $0 == .maintainCaches || $0 == .syncCores } }
    }

    fileprivate mutating func dropMaintenance() {
        change(1) { $0.steps.removeAll { $0 == .maintainCaches } }
    }

    /// Moves the store of the stub's data from the first action behind the second's stores.
    fileprivate mutating func writeDataLate() {
        guard case .run(let plan, _, _) = actions[0], let data = plan.steps.first else { return }
        change(0) { $0.steps.removeFirst() }
        change(1) { plan in
            plan.steps.insert(data, at: (plan.steps.firstIndex(of: .maintainCaches) ?? 0) + 2)
        }
    }

    fileprivate mutating func forgetEntered() {
        for index in actions.indices {
            change(index) { plan in
                for window in plan.windows.indices { plan.windows[window].entered = nil }
            }
        }
    }
}
