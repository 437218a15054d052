import MachineCode
import Patching

/// Makes scenarios from what the planner decides: stubs are written, the change is made, taken back and made again,
/// and at last the stubs are given back.
public struct ScenarioBuilder: Sendable {
    public var shape: ProvedShape
    public var from: SiteForm
    public var to: SiteForm
    /// Nil for what the planner chooses by itself.
    public var patchProtocol: PatchProtocol?
    /// Where the sites begin, from a page's beginning, bytes; further ones follow at the next lines.
    public var offset: UInt64
    public var siteCount = 1
    public var threadCount = 2
    public var granuleByteCount = 8
    public var caches: CacheKind = .none
    public var environment = PatchEnvironment(vendor: .amd)

    public init(
        _ shape: ProvedShape, from: SiteForm, to: SiteForm, by patchProtocol: PatchProtocol?, offset: UInt64 = 0
    ) {
        self.shape = shape
        self.from = from
        self.to = to
        self.patchProtocol = patchProtocol
        self.offset = offset
    }

    public enum Outcome: Sendable {
        case scenario(Scenario)
        /// The planner does not offer it, and why.
        case refused(String)
        /// Both forms are the same bytes.
        case sameBytes
    }

    private static let page: UInt64 = 0x10000
    private static let stubs: UInt64 = 0x65_4320
    private static let dataStart: UInt64 = 0x80_0000

    public func build() throws(PlanError) -> Outcome {
        let parts = try self.parts()
        var scenario = try self.scenario(parts)
        var code = try present(parts, &scenario)
        if from != .on {
            scenario.actions.append(.run(try publication(parts), becomes: [:]))
            code.apply(scenario.actions)
        }
        return try actions(parts, scenario, code)
    }

    func parts() throws(PlanError) -> [SiteInstructions] {
        var parts: [SiteInstructions] = []
        for index in 0..<siteCount {
            parts.append(
                try SiteInstructions(
                    shape, at: Self.page &+ offset &+ UInt64(64 * index), stub: Self.stubs &+ UInt64(16 * index)))
        }
        return parts
    }

    /// The scenario before anything is done, for plans that the planner did not make.
    func blank(_ parts: [SiteInstructions]) throws(PlanError) -> (scenario: Scenario, publication: Plan) {
        var scenario = try self.scenario(parts)
        _ = try present(parts, &scenario)
        return (scenario, try publication(parts))
    }

    private func scenario(_ parts: [SiteInstructions]) throws(PlanError) -> Scenario {
        var scenario = Scenario(isa: shape.isa)
        scenario.granuleByteCount = granuleByteCount
        scenario.caches = caches
        scenario.threadCount = threadCount
        scenario.instructions = parts.flatMap(\.instructions)
        for part in parts {
            scenario.sites.append(
                SiteModel(
                    window: part.site.address..<part.end, effects: part.effects, form: SiteInstructions.index(of: from),
                    bytes: try SiteForm.allCases.map { form throws(PlanError) in
                        try part.site.bytes(of: form, bias: 0, stub: part.stub)
                    }))
        }
        if from != .on { scenario.stubData = parts.indices.map { Self.dataStart &+ UInt64(8 * $0) } }
        return scenario
    }

    /// Memory as it is at first: the sites in their old form, nothing else around.
    private func present(_ parts: [SiteInstructions], _ scenario: inout Scenario) throws(PlanError) -> CodeBytes {
        var code = CodeBytes()
        for part in parts {
            let low = part.site.address & ~15
            code.fill(low..<(part.end | 15) &+ 17, with: shape.isa == .x86_64 ? 0xf4 : 0)
            code.write(try part.site.bytes(of: from, bias: 0, stub: part.stub), at: part.site.address)
            code.write(SiteInstructions.bodyBytes(shape.isa), at: part.end)
            code.fill(part.stub..<part.stub &+ 16, with: 0)
            // What is on already has its stub.
            if from == .on { code.write(try part.stubBytes(), at: part.stub) }
        }
        for address in scenario.stubData { code.fill(address..<address &+ 8, with: 0) }
        scenario.memory = code.pieces
        return code
    }

    /// The stubs and their data, in memory that nobody has run yet.
    private func publication(_ parts: [SiteInstructions]) throws(PlanError) -> Plan {
        var steps: [PlanStep] = []
        for (index, part) in parts.enumerated() {
            steps.append(.store(address: Self.dataStart &+ UInt64(8 * index), width: 8, value: 0xda7a, expected: 0))
            let bytes = try part.stubBytes()
            steps += HandMade.stores(Array(repeating: 0, count: bytes.count), bytes, at: part.stub)
        }
        if shape.isa != .x86_64 { steps += [.maintainCaches, .syncCores] }
        return Plan(steps: steps, patchProtocol: patchProtocol == .exclusive ? .exclusive : .singleStore)
    }

    private func actions(
        _ parts: [SiteInstructions], _ before: Scenario, _ present: CodeBytes
    ) throws(PlanError) -> Outcome {
        var scenario = before
        var code = present
        let changes = parts.map { part in
            var change = SiteChange(site: part.site, bias: 0, from: from, to: to, stub: part.stub)
            change.bodyHoles = part.bodyHoles
            return change
        }
        let directions = patchProtocol == .exclusive ? [false] : [false, true, false]
        for isBack in directions + (to == .on && patchProtocol != .exclusive ? [true] : []) {
            let wanted = isBack ? changes.map(\.inverse) : changes
            switch try plan(wanted, code, mustBe: !isBack) {
            case .refused(let reason): return .refused(reason)
            case .sameBytes: return .sameBytes
            case .plan(let plan):
                scenario.actions.append(action(plan, wanted))
                scenario.addBreakpoints(of: plan)
            }
            code.apply([scenario.actions[scenario.actions.count - 1]])
        }
        if patchProtocol != .exclusive {
            scenario.actions += parts.map {
                .release($0.stub..<$0.stub &+ 16, looks: true, around: $0.site.waysToStub)
            }
        }
        return .scenario(scenario)
    }

    /// Where a hook's call comes or goes, a visit that is met half way may miss it or get it; never the prologue.
    private func action(_ plan: Plan, _ changes: [SiteChange]) -> ScenarioAction {
        var becomes: [Int: Int] = [:]
        var meanwhile: [Int: UInt8] = [:]
        for (index, change) in changes.enumerated() {
            becomes[index] = SiteInstructions.index(of: change.to)
            if case .mcountCall = shape.shape, !change.isToggle {
                meanwhile[index] = 1 << UInt8(SiteInstructions.off) | 1 << UInt8(SiteInstructions.hookedAndTraced)
            }
        }
        return .run(plan, becomes: becomes, meanwhile: meanwhile)
    }

    private enum Planned {
        case plan(Plan)
        case refused(String)
        case sameBytes
    }

    /// What the planner makes of it; taking back may take another protocol where this one is not offered.
    private func plan(_ changes: [SiteChange], _ code: CodeBytes, mustBe: Bool) throws(PlanError) -> Planned {
        if patchProtocol == .exclusive {
            guard from == .original else { return .refused("only what was never armed is armed before main") }
            return .plan(
                try ExclusivePlanner.plan(
                    changes.map { SiteAssignment(site: $0.site, bias: 0, stub: $0.stub, isOn: to == .on) }))
        }
        let outcome = try LivePlanner(environment: environment, wanted: patchProtocol).plan(changes, in: code.image)
        if let plan = outcome.plans.first { return .plan(plan) }
        if let refused = outcome.refused.first {
            guard !mustBe else { return .refused(refused.reason ?? "") }
            let other = try LivePlanner(environment: environment).plan(changes, in: code.image)
            return other.plans.first.map { .plan($0) } ?? .refused(other.refused.first?.reason ?? "")
        }
        return .sameBytes
    }
}

extension Scenario {
    /// A breakpoint is a lawful instruction where a plan says that it is caught.
    mutating func addBreakpoints(of plan: Plan) {
        for trap in plan.traps {
            let breakpoint = ModelInstruction(trap.address, [Sled.breakpoint], "int3", .breakpoint)
            if !instructions.contains(breakpoint) { instructions.append(breakpoint) }
        }
    }
}

/// Memory while a scenario is put together.
struct CodeBytes {
    private var bytes: [UInt64: UInt8] = [:]

    mutating func fill(_ range: Range<UInt64>, with byte: UInt8) {
        for address in range where bytes[address] == nil { bytes[address] = byte }
    }

    mutating func write(_ new: [UInt8], at address: UInt64) {
        for (offset, byte) in new.enumerated() { bytes[address &+ UInt64(offset)] = byte }
    }

    mutating func apply(_ actions: [ScenarioAction]) {
        for case .run(let plan, _, _) in actions {
            for case .store(let address, let width, let value, _) in plan.steps {
                write((0..<width).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }, at: address)
            }
        }
    }

    /// By address, joined where they touch.
    var pieces: [(start: UInt64, bytes: [UInt8])] {
        var pieces: [(start: UInt64, bytes: [UInt8])] = []
        for (address, byte) in bytes.sorted(by: { $0.key < $1.key }) {
            if let last = pieces.indices.last, pieces[last].start &+ UInt64(pieces[last].bytes.count) == address {
                pieces[last].bytes.append(byte)
            } else {
                pieces.append((address, [byte]))
            }
        }
        return pieces
    }

    var image: CodeImage {
        var image = CodeImage()
        for piece in pieces { image.add(start: piece.start, bytes: piece.bytes) }
        return image
    }
}
