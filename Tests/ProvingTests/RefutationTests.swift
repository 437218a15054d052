import MachineCode
import Patching
import Testing

@testable import Proving

/// The checker can fail: what must not be run is shown to break, each in the way that it breaks.
@Suite struct RefutationTests {
    @Test func everyPlanOfTheListBreaks() throws {
        let all = try Refutation.all()
        #expect(Set(all.map(\.name)).count == all.count)
        // Canaries, one for each machine: were one of these safe, the checker would be broken.
        #expect(Set(all.map(\.scenario.isa)) == Set(InstructionSet.allCases))
        for refutation in all {
            let exploration = try refutation.scenario.explore()
            let counterexample = try #require(exploration.counterexample, "\(refutation.name)")
            #expect(refutation.expected.contains(counterexample.violation.kind), "\(refutation.name)")
            #expect(!counterexample.steps.isEmpty)
        }
    }

    /// A plan that says nothing of a site, and leaves other bytes in it.
    @Test func formsAreTheSameBytesAgain() throws {
        var isas: Set<InstructionSet> = []
        for shape in ProvedShape.all {
            let builder = ScenarioBuilder(shape, from: .original, to: .on, by: .stopped, offset: 0)
            guard case .scenario(var scenario) = try builder.build() else { continue }
            scenario.actions = scenario.actions.map { action in
                guard case .run(let plan, let becomes, let meanwhile) = action, !becomes.isEmpty else { return action }
                return .run(plan, becomes: [:], meanwhile: meanwhile)
            }
            let violation = try scenario.explore().counterexample?.violation
            #expect(violation?.kind == .notRestored, "\(shape.name)")
            isas.insert(shape.isa)
        }
        #expect(isas == Set(InstructionSet.allCases))
    }

    /// Caches that need no invalidation show two stores of a batch in their order, if a barrier stands between.
    @Test func ordersDependOnCachesAndBarriers() throws {
        let refutation = try #require(try Refutation.all().first { $0.name == "a64-batch-in-order" })
        func explore(_ caches: CacheKind, barrier: Bool) throws -> Exploration {
            var scenario = refutation.scenario
            scenario.caches = caches
            guard case .run(var plan, let becomes, _) = scenario.actions[1] else { return try scenario.explore() }
            if barrier { plan.steps.insert(.maintainCaches, at: 2) }
            scenario.actions[1] = .run(plan, becomes: becomes)
            return try scenario.explore()
        }
        #expect(try explore(.none, barrier: false).counterexample?.violation.kind == .order)
        #expect(try explore(.idc, barrier: false).counterexample?.violation.kind == .order)
        #expect(try explore(.dicIdc, barrier: false).counterexample?.violation.kind == .order)
        #expect(try explore(.dicIdc, barrier: true).isSafe)
    }

    /// Leaving out what can't matter finds the same, in fewer states.
    @Test func reductionsKeepTheVerdict() throws {
        var scenarios = try Refutation.all().map(\.scenario)
        for proofCase in ProofTable().cases where proofCase.shape.prologue.isEmpty {
            let builder = ScenarioBuilder(
                proofCase.shape, from: proofCase.from, to: proofCase.to, by: proofCase.patchProtocol, offset: 4)
            if case .scenario(let scenario) = try builder.build() { scenarios.append(scenario) }
        }
        var reduced = 0
        var whole = 0
        for scenario in scenarios {
            let few = try scenario.explore()
            for reductions in [
                Reductions(symmetry: false, partialOrder: false), Reductions(symmetry: true, partialOrder: false),
            ] {
                let many = try scenario.explore(reductions)
                #expect(few.counterexample?.violation.kind == many.counterexample?.violation.kind)
                if few.isSafe {
                    (reduced, whole) = (reduced + few.stateCount, whole + many.stateCount)
                }
            }
        }
        #expect(whole > reduced * 5 / 4)
    }

    /// A counterexample is what happened: its last step is the violation, its bytes are the plan's.
    @Test func counterexamplesTellTheStory() throws {
        let refutation = try #require(try Refutation.all().first { $0.name == "breakpoint-without-middle-sync" })
        let counterexample = try #require(try refutation.scenario.explore().counterexample)
        #expect(counterexample.start == [.init(address: 0x1003d, bytes: [0x0f, 0x1f, 0x44, 0, 0])])
        #expect(counterexample.steps.last?.actor == .thread(0))
        let explanation = Explanation(counterexample, title: "middle sync left out")
        let text = explanation.description
        #expect(text.contains("stores at 0x1003d: 0f -> cc"))
        #expect(text.contains("| cc de 42 64 00"))
        #expect(text.contains("0x1003d: executes e9 de 42 [00] 00"))
        #expect(text.contains("half old, half new"))
        let page = explanation.page
        #expect(page.hasPrefix("<!DOCTYPE html>") && page.contains("middle sync left out"))
        #expect(page.contains("<span class=\"byte now\">cc</span>"))
    }
}
