import MachineCode
import Patching
import Proving
import Testing

/// A plan as a text comes back as it was, and anything else is refused with a sentence.
@Suite struct ScenarioTextTests {
    private func scenarios() throws -> [Scenario] {
        var scenarios = try Refutation.all().map(\.scenario)
        for proofCase in ProofTable().cases {
            let builder = ScenarioBuilder(
                proofCase.shape, from: proofCase.from, to: proofCase.to, by: proofCase.patchProtocol, offset: 4)
            if case .scenario(let scenario) = try builder.build() { scenarios.append(scenario) }
        }
        return scenarios
    }

    @Test func everyScenarioComesBack() throws {
        for scenario in try scenarios() {
            let read = try Scenario(text: scenario.text)
            #expect(read.text == scenario.text)
            #expect(try read.explore(stateLimit: 100_000).counterexample == scenario.explore().counterexample)
        }
    }

    @Test(arguments: [
        ("", "line 1: the plan has no isa"),
        ("hello", "line 1: a plan begins with: nopal-plan 1"),
        ("nopal-plan 1\nisa mips", "line 2: isa is one of x86-64, a64, a32, t32"),
        ("nopal-plan 1\nthreads 2", "line 2: isa comes first"),
        ("nopal-plan 1\nisa a64\nthreads 9", "line 3: a number from 1 to 4 is missing"),
        ("nopal-plan 1\nisa x86-64\ngranule 3", "line 3: a granule is a power of 2"),
        ("nopal-plan 1\nisa x86-64\nmemory 0x10 zz", "line 3: 'zz' is no byte"),
        ("nopal-plan 1\nisa x86-64\nfrobnicate", "line 3: 'frobnicate' is not known, or stands outside of a plan"),
        ("nopal-plan 1\nisa x86-64\nplan someday", "line 3: a plan is exclusive, single-store, breakpoint or stopped"),
        (
            "nopal-plan 1\nisa x86-64\nplan stopped\nstore 1 3 4 5",
            "line 4: a store is: ADDRESS WIDTH VALUE EXPECTED, its width 1, 2, 4 or 8"
        ),
    ])
    func badTextIsRefused(_ text: String, _ sentence: String) {
        let error = #expect(throws: ScenarioError.self) { try Scenario(text: text) }
        #expect(error?.description == sentence)
    }

    /// Lines left out, cut and repeated: a sentence, or a verdict; never a crash.
    @Test func damagedTextIsSurvived() throws {
        var generator = SplitMix(state: 7)
        let texts = try scenarios().map(\.text)
        for _ in 0..<2000 {
            var lines = (texts.randomElement(using: &generator) ?? "").split(separator: "\n").map(String.init)
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let index = Int.random(in: 0..<lines.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: lines.remove(at: index)
                case 1:
                    lines[index] = String(
                        lines[index].prefix(Int.random(in: 0...lines[index].count, using: &generator)))
                case 2: lines.insert(lines[index], at: 0)
                default:
                    var characters = Array(lines[index])
                    if let place = characters.indices.randomElement(using: &generator) {
                        characters[place] = "0123456789abcdefx -=".randomElement(using: &generator) ?? " "
                    }
                    lines[index] = String(characters)
                }
            }
            guard let scenario = try? Scenario(text: lines.joined(separator: "\n")) else { continue }
            _ = try? scenario.explore(stateLimit: 2000)
        }
    }
}

/// A small generator with a seed.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}
