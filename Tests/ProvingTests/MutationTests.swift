import Dispatch
import MachineCode
import Patching
import Synchronization
import Testing

@testable import Proving

/// Every step of every proved plan is needed: left out, or put behind the next one, the checker objects; or the mutant
/// does the same, for a reason that stands here.
@Suite struct MutationTests {
    /// Why a mutant is as good as the plan.
    struct Equivalence: Sendable {
        var reason: String
        var applies: @Sendable (Mutant) -> Bool
    }

    struct Mutant: Sendable {
        var proofCase: ProofCase
        var scenario: Scenario
        var mutation: Mutation

        var plan: Plan {
            guard case .run(let plan, _, _) = scenario.actions[mutation.action] else {
                return Plan(steps: [], patchProtocol: .stopped)
            }
            return plan
        }
        var isPublication: Bool {
            guard case .run(_, let becomes, _) = scenario.actions[mutation.action] else { return false }
            return becomes.isEmpty
        }
        var step: PlanStep { plan.steps[mutation.step] }
        var next: PlanStep { mutation.step + 1 < plan.steps.count ? plan.steps[mutation.step + 1] : .close }
        var isX86: Bool { scenario.isa == .x86_64 }
        /// No plan of the scenario ever leads to the stub.
        var neverOn: Bool { proofCase.from != .on && proofCase.to != .on }
        func touches(_ step: PlanStep) -> Bool { self.step == step || mutation.change == .swap && next == step }
        /// A store, and where; nil for other steps.
        func store(_ step: PlanStep) -> Range<UInt64>? {
            guard case .store(let address, let width, _, _) = step else { return nil }
            return address..<address + UInt64(width)
        }
        func isInWindow(_ step: PlanStep) -> Bool {
            store(step).map { range in scenario.sites.contains { $0.window.overlaps(range) } } ?? false
        }
        /// The first instruction of the old or of the new form lies in one granule, which is fetched as a whole.
        var isOneGranule: Bool {
            guard isX86, let site = scenario.sites.first else { return false }
            return [proofCase.from, proofCase.to].contains { form in
                let bytes = site.bytes[SiteInstructions.index(of: form)]
                return scenario.instructions.contains {
                    $0.address == site.entry && bytes.starts(with: $0.bytes) && $0.address / 8 == ($0.end - 1) / 8
                }
            }
        }
        /// A store that lies in the granule of the site's first byte.
        func isBesideHead(_ step: PlanStep) -> Bool {
            guard let range = store(step), let site = scenario.sites.first else { return false }
            return isX86 && range.lowerBound / 8 == site.entry / 8 && (range.upperBound - 1) / 8 == site.entry / 8
        }
        /// Whether an instruction of the new form that a thread gets to begins there.
        func isExecuted(_ address: UInt64) -> Bool {
            guard let site = scenario.sites.first else { return true }
            let bytes = site.bytes[SiteInstructions.index(of: proofCase.to)]
            var next = site.entry
            while let found = scenario.instructions.first(where: { instruction in
                instruction.address == next && site.window.contains(next)
                    && bytes.dropFirst(Int(next - site.entry)).starts(with: instruction.bytes)
            }) {
                if next == address { return true }
                if case .jump(let target) = found.action { next = target } else { next = found.end }
            }
            return false
        }
        var isToggle: Bool { proofCase.from != .original && proofCase.to != .original }
    }

    static let equivalences: [Equivalence] = [
        Equivalence(reason: "x86-64 keeps instruction caches coherent: there is nothing to maintain") {
            $0.isX86 && $0.touches(.maintainCaches)
        },
        Equivalence(reason: "stores of one phase have no order: nobody looks at one before the next sync") {
            $0.mutation.change == .swap && $0.store($0.step) != nil && $0.store($0.next) != nil
        },
        Equivalence(reason: "making text writable or not is seen by nobody who executes it") {
            $0.mutation.change == .swap
                && ($0.step == .open && $0.next == .catchBreakpoints
                    || $0.step == .syncCores && $0.next == .close)
        },
        Equivalence(reason: "the handler of an earlier plan is still in place") { mutant in
            guard mutant.touches(.catchBreakpoints) else { return false }
            return mutant.scenario.actions.prefix(mutant.mutation.action).contains { action in
                if case .run(let plan, _, _) = action { plan.steps.contains(.catchBreakpoints) } else { false }
            }
        },
        Equivalence(reason: "nothing leads to the stub: what is in it does not matter") { mutant in
            mutant.neverOn
                && (mutant.isPublication
                    || [mutant.step, mutant.next].contains { mutant.store($0) != nil && !mutant.isInWindow($0) }
                    || mutant.touches(.maintainCaches)
                        && mutant.plan.windows.contains { $0.entered != nil || !$0.moves.isEmpty })
        },
        Equivalence(reason: "the plan that exposes the stub maintains and synchronises before anybody runs") {
            $0.isPublication && [.stopped, .exclusive].contains($0.proofCase.patchProtocol)
                && ($0.touches(.maintainCaches) || $0.touches(.syncCores))
        },
        Equivalence(reason: "the store writes what stands there already") { mutant in
            guard case .store(_, _, let value, let expected) = mutant.step else { return false }
            return mutant.mutation.change == .drop && value == expected
        },
        Equivalence(reason: "nothing that is executed was written: nothing is to be maintained or synchronised") {
            mutant in
            mutant.plan.steps.allSatisfy { step in
                if case .store(_, _, let value, let expected) = step { value == expected } else { true }
            }
        },
        Equivalence(
            reason: "before main nobody looks between a store behind the sled's first instruction and its maintenance"
        ) { mutant in
            guard let range = mutant.store(mutant.step), let site = mutant.scenario.sites.first else { return false }
            return mutant.plan.patchProtocol == .exclusive && mutant.mutation.change == .swap
                && mutant.next == .maintainCaches && range.lowerBound > site.entry
                && !mutant.isExecuted(range.lowerBound)
        },
        Equivalence(reason: "a phase of its own, but within a stop: all that counts is what stands there at its end") {
            mutant in
            mutant.plan.patchProtocol == .stopped
                && (mutant.step == .maintainCaches && mutant.mutation.step + 2 < mutant.plan.steps.count
                    || mutant.next == .maintainCaches && mutant.mutation.step + 3 < mutant.plan.steps.count)
        },
        Equivalence(reason: "only the first byte changes: there is no tail that a sync would keep from it") {
            $0.isToggle && $0.plan.patchProtocol == .breakpoint && $0.touches(.syncCores)
                && $0.mutation.step + 3 < $0.plan.steps.count
        },
        Equivalence(reason: "the granule is fetched as a whole, and the instruction lies in it") {
            $0.isOneGranule && $0.touches(.syncCores) && !$0.isPublication && $0.mutation.step + 3 < $0.plan.steps.count
        },
        Equivalence(reason: "the granule is fetched as a whole, and the tail's store lies beside the first byte") {
            $0.mutation.change == .swap && $0.step == .syncCores && $0.isBesideHead($0.next)
        },
    ]

    /// Places at which all of it counts: across a line; for single stores, inside a word.
    private static func offset(_ proofCase: ProofCase) -> UInt64 {
        switch proofCase.shape.isa {
        case .x86_64: proofCase.patchProtocol == .singleStore ? 2 : 61
        case .a64, .a32: 60
        case .t32: 62
        }
    }

    static func mutants() throws -> [Mutant] {
        var mutants: [Mutant] = []
        for proofCase in ProofTable().cases {
            let builder = ScenarioBuilder(
                proofCase.shape, from: proofCase.from, to: proofCase.to, by: proofCase.patchProtocol,
                offset: offset(proofCase))
            guard case .scenario(let scenario) = try builder.build() else { continue }
            mutants += Mutation.all(of: scenario).map {
                Mutant(proofCase: proofCase, scenario: scenario, mutation: $0)
            }
        }
        return mutants
    }

    @Test func everyMutantIsRefutedOrEquivalent() throws {
        let mutants = try Self.mutants()
        try #require(mutants.count > 3000)
        let survivors = Mutex<[Int]>([])
        let kinds = Mutex<Set<Violation.Kind>>([])
        DispatchQueue.concurrentPerform(iterations: mutants.count) { index in
            let mutant = mutants[index].mutation.applied(to: mutants[index].scenario)
            if let counterexample = (try? mutant.explore())?.counterexample {
                kinds.withLock { _ = $0.insert(counterexample.violation.kind) }
                return
            }
            survivors.withLock { $0.append(index) }
        }
        var uses = Array(repeating: 0, count: Self.equivalences.count)
        let alive = survivors.withLock { $0.sorted() }
        for index in alive {
            let mutant = mutants[index]
            guard let found = Self.equivalences.firstIndex(where: { $0.applies(mutant) }) else {
                Issue.record(
                    "\(mutant.proofCase.shape.isa) \(mutant.proofCase.shape.name), \(mutant.proofCase.from) -> \(mutant.proofCase.to): \(mutant.mutation.text(in: mutant.scenario)) (action \(mutant.mutation.action), step \(mutant.mutation.step)) survives"
                )
                continue
            }
            uses[found] += 1
        }
        for (equivalence, count) in zip(Self.equivalences, uses) {
            #expect(count > 0, "nothing is left that is equivalent because \(equivalence.reason)")
        }
        // Nothing that the checker looks for is out of its reach; `.notRestored` takes more than one step, and has its test.
        var found = kinds.withLock { $0 }
        for refutation in try Refutation.all() {
            if let kind = try refutation.scenario.explore().counterexample?.violation.kind { found.insert(kind) }
        }
        #expect(found.union([.notRestored]) == Set(Violation.Kind.allCases))
        #expect(alive.count < mutants.count / 2, "\(alive.count) of \(mutants.count) survive")
    }
}
