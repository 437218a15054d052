import Foundation
import Testing

/// Programs of the Arm sets that are traced by a plan of `nopal prepare`, without a host: the same programs, and the same
/// oracle, as below `nopal record`.
@Suite struct StandaloneTests {
    private static func every(_ name: String, _ arguments: [String] = []) -> [TracedProgram] {
        TracedProgram(name: name, arguments: arguments).alone.built(Variant.everyArm)
    }

    private static func some(_ name: String, _ arguments: [String] = []) -> [TracedProgram] {
        TracedProgram(name: name, arguments: arguments).alone.built(Variant.someArm)
    }

    @Test(arguments: every("arguments") + every("longjmp") + every("fork", ["handlers"]))
    func everyVariant(_ program: TracedProgram) throws { try Verification(program).check() }

    @Test(
        arguments: some("signals") + some("fibers") + some("deep") + some("recursion") + some("threads", ["200"]) + [
            TracedProgram(name: "return_address", variant: .a64O0, entryOnly: ["asks", "asks_leaf"]).alone
        ])
    func everySet(_ program: TracedProgram) throws { try Verification(program).check() }

    @Test(
        arguments: TracedProgram(name: "exceptions", isCxx: true, uncounted: ControlFlowTests.headers).alone.built(
            Variant.armThrowing)
            + TracedProgram(name: "exceptions_many", isCxx: true).alone.built([.a64O2, .a32Mcount, .t32Mcount])
            + TracedProgram(name: "exceptions_signals", isCxx: true).alone.built([.a64O2, .a32Mcount, .t32Mcount])
            + TracedProgram(name: "exceptions_library", isCxx: true, library: .linked).alone.built([
                .a64O2, .a32Mcount, .t32Mcount,
            ])
            + TracedProgram(name: "pthread_ends", compileFlags: ["-fexceptions"]).alone.built([
                .a64O2, .a32Mcount, .t32Mcount,
            ]))
    func exceptionsPassTracedFrames(_ program: TracedProgram) throws { try Verification(program).check() }

    /// The file has the events however the process ends.
    @Test(arguments: ArmTests.ends.map(\.alone))
    func everythingUpToTheEndIsInTheFile(_ program: TracedProgram) throws { try Verification(program).check() }
}
