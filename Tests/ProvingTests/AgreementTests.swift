import Litmus
import MachineCode
import Patching
import Testing

@testable import Proving

/// Where the machine that runs plans and the architecture's axioms can say the same thing, they say the same.
@Suite struct AgreementTests {
    /// What the plan checker finds for a scenario, and the litmus test that asks the same of the axioms.
    struct Question: Sendable {
        var name: String
        var violation: Violation.Kind
        var scenario: @Sendable () throws -> Scenario
        var litmus: String
    }

    private static func planned(
        _ sites: Int = 1, change: @escaping @Sendable (inout [PlanStep]) -> Void
    ) -> @Sendable () throws -> Scenario {
        {
            let shape = ProvedShape.all.first { $0.isa == .a64 && $0.name == "nop" } ?? ProvedShape.all[0]
            var builder = ScenarioBuilder(shape, from: .original, to: .on, by: .singleStore)
            builder.siteCount = sites
            builder.threadCount = 1
            guard case .scenario(var scenario) = try builder.build() else { throw PlanError.invalid("no scenario") }
            scenario.actions = Array(scenario.actions.prefix(2))
            guard case .run(var plan, let becomes, _) = scenario.actions[1] else { return scenario }
            change(&plan.steps)
            scenario.actions[1] = .run(plan, becomes: becomes)
            return scenario
        }
    }

    private static func text(_ state: String, _ threads: [[String]], _ condition: String) -> String {
        let height = threads.map(\.count).max() ?? 0
        let rows = (0..<height).map { row in
            threads.map { row < $0.count ? $0[row] : "" }.joined(separator: " | ") + " ;"
        }
        return "AArch64 question\n{ \(state) }\n"
            + threads.indices.map { "P\($0)" }.joined(separator: " | ") + " ;\n" + rows.joined(separator: "\n")
            + "\nexists (\(condition))\n"
    }

    private static let cacheSync = ["DC CVAU,X1", "DSB ISH", "IC IVAU,X1", "DSB ISH"]

    /// The patching side says that it is done; the other thread has synchronised since, or not.
    private static func done(_ maintenance: [String], _ seen: [String]) -> String {
        text(
            "0:X0=NOP; 0:X1=P1:m0; 0:X3=z; 1:X3=z;",
            [
                ["STR W0,[X1]"] + maintenance + ["DSB ISH", "MOV W2,#1", "STR W2,[X3]"],
                ["LDR W2,[X3]", "DSB ISH"] + seen + ["m0: B l0", "MOV W9,#1", "l0:"],
            ], #"1:X2=1 /\ 1:X9=0"#)
    }

    private static func two(_ between: [String]) -> String {
        text(
            "0:X0=NOP; 0:X1=P1:first; 0:X2=P1:second;",
            [
                ["STR W0,[X1]"] + between + ["STR W0,[X2]"],
                ["second: B on", "MOV W10,#1", "on:", "first: B out", "MOV W11,#1", "out:"],
            ], #"1:X10=1 /\ 1:X11=0"#)
    }

    static let questions: [Question] = [
        Question(
            name: "all of the recipe: MP.RF+cachesync+isb", violation: .stale, scenario: planned { _ in },
            litmus: done(cacheSync, ["ISB"])),
        Question(
            name: "no maintenance: MP.RF+dsb+isb", violation: .stale,
            scenario: planned { $0.removeAll { $0 == .maintainCaches } }, litmus: done([], ["ISB"])),
        Question(
            name: "nobody synchronises: MP.RF+cachesync+dsb", violation: .stale,
            scenario: planned { $0.removeAll { $0 == .syncCores } }, litmus: done(cacheSync, [])),
        Question(
            name: "two places: MP.FF+po+po", violation: .order,
            scenario: ordered(planned(2) { _ in }), litmus: two([])),
        Question(
            name: "two places, the first maintained: MP.FF+cachesync+po", violation: .order,
            scenario: ordered(planned(2) { $0.insert(.maintainCaches, at: 2) }), litmus: two(cacheSync)),
        Question(
            name: "one place twice: coFF", violation: .order,
            scenario: ordered {
                var scenario = try planned { _ in }()
                scenario.sites.append(scenario.sites[0])
                guard case .run(let plan, _, _) = scenario.actions[1] else { return scenario }
                scenario.actions[1] = .run(plan, becomes: [0: SiteInstructions.on, 1: SiteInstructions.on])
                return scenario
            },
            litmus: text(
                "0:X0=NOP; 0:X1=P1:m0;",
                [
                    ["STR W0,[X1]"],
                    [
                        "BL m0", "MOV W10,W9", "MOV W9,#0", "BL m0", "B end", "m0: B l0", "MOV W9,#1", "l0: RET",
                        "end:",
                    ],
                ], #"1:X10=1 /\ 1:X9=0"#)),
        Question(
            name: "data, then code: MP.FR+dmb+po", violation: .dataNotSeen, scenario: planned { _ in },
            litmus: text(
                "0:X0=NOP; 0:X1=x; 0:X2=P1:m0; 1:X1=x;",
                [
                    ["MOV W4,#1", "STR W4,[X1]", "DMB SY", "STR W0,[X2]"],
                    ["m0: B l0", "MOV W9,#1", "l0: LDR W5,[X1]"],
                ], #"1:X9=1 /\ 1:X5=0"#)),
        Question(
            name: "data and code without a barrier: MP.FR+po+po", violation: .dataNotSeen,
            scenario: {
                var scenario = try planned { _ in }()
                guard case .run(var first, _, _) = scenario.actions[0],
                    case .run(var second, let becomes, _) = scenario.actions[1]
                else { return scenario }
                // The data's store moves into the phase of the branch's.
                second.steps.insert(first.steps.removeFirst(), at: 1)
                scenario.actions = [.run(first, becomes: [:]), .run(second, becomes: becomes)]
                return scenario
            },
            litmus: text(
                "0:X0=NOP; 0:X1=x; 0:X2=P1:m0; 1:X1=x;",
                [
                    ["MOV W4,#1", "STR W4,[X1]", "STR W0,[X2]"],
                    ["m0: B l0", "MOV W9,#1", "l0: LDR W5,[X1]"],
                ], #"1:X9=1 /\ 1:X5=0"#)),
    ]

    private static func ordered(
        _ make: @escaping @Sendable () throws -> Scenario
    ) -> @Sendable () throws -> Scenario {
        {
            var scenario = try make()
            scenario.assumesOrder = true
            return scenario
        }
    }

    @Test func machineAndAxiomsAgree() throws {
        var allowed = 0
        for question in Self.questions {
            for (caches, cacheType) in [(CacheKind.none, CacheType.none), (.idc, .idc), (.dicIdc, .dicIdc)] {
                var scenario = try question.scenario()
                scenario.caches = caches
                let found = try scenario.explore().counterexample?.violation.kind
                #expect(found == nil || found == question.violation, "\(question.name), \(caches)")
                switch Litmus.decide(question.litmus, cacheType: cacheType).verdict {
                case .allowed:
                    allowed += 1
                    #expect(found != nil, "\(question.name), \(caches): allowed, and not found")
                case .forbidden: #expect(found == nil, "\(question.name), \(caches): forbidden, and found")
                case .unsupported(let what): Issue.record("\(question.name): \(what)")
                }
            }
        }
        // Neither side says the same of everything.
        #expect(1..<3 * Self.questions.count ~= allowed)
    }
}
