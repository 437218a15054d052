import MachineCode
import Patching
import Proving
import Testing

@testable import Control

/// The plans that hook functions of libc and the loader are proved too: there, back, and there again.
@Suite struct HookProofTests {
    private static let address: UInt64 = 0x1_0000
    private static let agent: UInt64 = 0x5a_4320

    /// What a hook replaces, with the instructions' lengths.
    struct Case: Sendable {
        var name: String
        var original: [UInt8]
        var lengths: [Int]
        var resumes = true
    }

    static let cases: [Case] = [
        Case(name: "execve", original: [0xb8, 0x3b, 0, 0, 0], lengths: [5]),
        Case(name: "_Fork", original: [0x64, 0x48, 0x8b, 0x04, 0x25, 0x10, 0, 0, 0], lengths: [9]),
        Case(name: "clone", original: [0x48, 0xc7, 0xc0, 0xea, 0xff, 0xff, 0xff], lengths: [7]),
        Case(name: "syscall", original: [0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7], lengths: [3, 3]),
        Case(name: "_dl_debug_state", original: [0xc3, 0x66, 0x66, 0x2e, 0x0f], lengths: [1], resumes: false),
    ]

    private func hook(_ hooked: Case) -> FunctionHook {
        var inner: [Int] = []
        var offset = 0
        for length in hooked.lengths.dropLast() {
            offset += length
            inner.append(offset)
        }
        return FunctionHook(
            function: .systemCall, address: Self.address,
            resume: hooked.resumes ? Self.address + UInt64(hooked.original.count) : 0, original: hooked.original,
            inner: inner, firstWord: 0)
    }

    /// The function's instructions as they are, the jump, and the agent's code, which does the same and goes on.
    private func scenario(_ hooked: Case, change: (inout Plan) -> Void = { _ in }) throws -> Scenario {
        let end = Self.address + UInt64(hooked.original.count)
        var scenario = Scenario(isa: .x86_64)
        var (offset, agent) = (0, Self.agent)
        var effects: [Effect] = []
        for (index, length) in hooked.lengths.enumerated() {
            let effect = try #require(Effect.prologue(index))
            let bytes = Array(hooked.original[offset..<offset + length])
            let action: ModelInstruction.Action = hooked.resumes ? .effect(effect) : .body
            if hooked.resumes { effects.append(effect) }
            scenario.instructions.append(
                ModelInstruction(Self.address + UInt64(offset), bytes, "its own \(index)", action))
            scenario.instructions.append(ModelInstruction(agent, [0x48], "the agent, for its own \(index)", action))
            offset += length
            agent += 1
        }
        let there = try #require(hook(hooked).plan(target: Self.agent, isRestoring: false))
        let jump = there.steps.compactMap { step -> UInt8? in
            if case .store(_, _, let value, _) = step { UInt8(truncatingIfNeeded: value) } else { nil }
        }
        scenario.instructions += [
            ModelInstruction(Self.address, jump, "jmp agent", .jump(Self.agent)),
            ModelInstruction(agent, [0xe9], "the agent goes on", hooked.resumes ? .jump(end) : .body),
            ModelInstruction(end, [0xf4], "the rest", .body),
        ]
        let code: [UInt8] = hooked.original + [0xf4]
        scenario.memory = [
            (Self.address, code), (Self.agent, Array(repeating: 0x48, count: hooked.lengths.count) + [0xe9]),
        ]
        scenario.sites = [SiteModel(window: Self.address..<end, effects: [effects, effects])]
        for isRestoring in [false, true, false] {
            var plan = try #require(hook(hooked).plan(target: Self.agent, isRestoring: isRestoring))
            change(&plan)
            scenario.actions.append(.run(plan, becomes: [0: isRestoring ? 0 : 1]))
        }
        return scenario
    }

    @Test(arguments: cases)
    func everyHookIsSafe(_ hooked: Case) throws {
        let exploration = try scenario(hooked).explore()
        #expect(
            exploration.isSafe,
            "\(exploration.counterexample.map { Explanation($0, title: hooked.name).description } ?? "")")
        #expect(exploration.stateCount > 50)
    }

    /// `syscall` begins with two instructions: somebody may stand between them.
    @Test func aHookThatDoesNotLookBreaks() throws {
        let hooked = try #require(Self.cases.first { $0.name == "syscall" })
        let exploration = try scenario(hooked) { $0.windows = [] }.explore()
        #expect(exploration.counterexample?.violation.kind == .resumedInside)
    }
}
