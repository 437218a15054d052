import MachineCode
import Patching
import Proving
import Testing

/// What the planner offers is proved, all of it.
@Suite struct ProofTableTests {
    /// Every shape, every change of it, every protocol, every place that makes a difference: the planner refuses it, or
    /// the checker finds nothing. Two threads.
    @Test func thePlannerOffersOnlyWhatIsProved() throws {
        let rows = ProofTable().prove()
        #expect(rows.count == ProofTable().cases.count)
        for row in rows {
            switch row.verdict {
            case .proved, .refused, .sameBytes: break
            case .refuted(let counterexample):
                Issue.record("\(row.proofCase): \(Explanation(counterexample, title: "offered, and breaks"))")
            case .unfinished(let what): Issue.record("\(row.proofCase): \(what)")
            }
        }
        let proved = rows.count { if case .proved = $0.verdict { true } else { false } }
        #expect(proved > 200, "the table has shrunk")
        // Each shape can at least be armed before main, and by stopping.
        for shape in ProvedShape.all {
            for patchProtocol in [PatchProtocol.exclusive, .stopped] {
                let row = try #require(
                    rows.first {
                        $0.proofCase.shape == shape && $0.proofCase.from == .original && $0.proofCase.to == .on
                            && $0.proofCase.patchProtocol == patchProtocol
                    })
                #expect(row.offeredCount > 0 && row.refusedCount == 0, "\(shape.name)")
            }
        }
    }

    /// Toggles need no promise of the processor: one byte, halfword or word that is executed as a whole.
    @Test(arguments: [1, 64])
    func togglesHoldWhateverIsFetchedAtOnce(_ granuleByteCount: Int) {
        var extent = ProofExtent()
        extent.granuleByteCount = granuleByteCount
        let shapes = ProvedShape.all.filter { $0.isa == .x86_64 }
        var table = ProofTable(shapes: shapes, extent: extent)
        table.cases = table.cases.filter { $0.from != .original && $0.to != .original }
        for row in table.prove() {
            guard case .proved = row.verdict else {
                Issue.record("\(row.proofCase)")
                continue
            }
        }
    }

    /// Toggles of A64, A32 and T32, with their stores made a second time.
    @Test func plansThatStoreTwiceAreProved() throws {
        var count = 0
        for proofCase in ProofTable().cases
        where proofCase.shape.isa != .x86_64 && proofCase.from != .original && proofCase.to != .original
            && proofCase.patchProtocol == .singleStore
        {
            let builder = ScenarioBuilder(
                proofCase.shape, from: proofCase.from, to: proofCase.to, by: proofCase.patchProtocol)
            guard case .scenario(var scenario) = try builder.build() else { continue }
            for index in scenario.actions.indices {
                guard case .run(let plan, let becomes, let meanwhile) = scenario.actions[index] else { continue }
                scenario.actions[index] = .run(plan.storedTwice, becomes: becomes, meanwhile: meanwhile)
                if plan.storedTwice != plan { count += 1 }
            }
            if let counterexample = try scenario.explore().counterexample {
                Issue.record("\(proofCase): \(Explanation(counterexample, title: "stored twice"))")
            }
        }
        #expect(count > 10)
    }

    /// What rests on AMD's promise of an aligned quadword falls without it, and the breakpoint does not.
    @Test func singleStoresOfMoreThanAByteNeedAnAlignedQuadword() throws {
        var extent = ProofExtent()
        extent.granuleByteCount = 1
        let shape = try #require(ProvedShape.all.first { $0.name == "5-byte nop" })
        func verdict(_ patchProtocol: PatchProtocol) -> ProofRow.Verdict {
            let proofCase = ProofCase(shape, from: .original, to: .on, by: patchProtocol)
            return ProofTable(cases: [proofCase], extent: extent).prove(proofCase).verdict
        }
        guard case .refuted(let counterexample) = verdict(.singleStore) else {
            Issue.record("not refuted")
            return
        }
        #expect(counterexample.violation.kind == .torn)
        guard case .proved = verdict(.breakpoint), case .proved = verdict(.stopped) else {
            Issue.record("refuted")
            return
        }
    }

    /// Three threads, and batches of two sites, where they differ from one in kind.
    @Test func moreThreadsAndMoreSitesFindNothingMore() throws {
        for (name, isa) in [
            ("5-byte nop", InstructionSet.x86_64), ("nop", .a64), ("nop", .a32), ("3 small nops", .t32),
        ] {
            let shape = try #require(ProvedShape.all.first { $0.name == name && $0.isa == isa })
            for (threads, sites) in [(3, 1), (1, 2), (2, 2)] {
                var extent = ProofExtent()
                (extent.threadCount, extent.siteCount) = (threads, sites)
                let proofCase = ProofCase(shape, from: .off, to: .on, by: .singleStore, at: [4])
                let row = ProofTable(cases: [proofCase], extent: extent).prove(proofCase)
                guard case .proved = row.verdict else {
                    Issue.record("\(name), \(threads) threads, \(sites) sites: \(row.verdict)")
                    continue
                }
            }
        }
    }
}
