import Testing
import TraceFormat

/// Programs of the Arm sets in qemu's user mode, with real threads: the same programs, and the same oracle, as on this
/// machine.
@Suite struct ArmTests {
    @Test(arguments: TracedProgram(name: "arguments").built(Variant.everyArm))
    func argumentsAndResultsAreKept(_ program: TracedProgram) throws { try Verification(program).check() }

    @Test(arguments: TracedProgram(name: "longjmp").built(Variant.everyArm))
    func jumpsPassTracedFrames(_ program: TracedProgram) throws { try Verification(program).check() }

    @Test(arguments: TracedProgram(name: "signals").built(Variant.everyArm))
    func signalHandlersAreTraced(_ program: TracedProgram) throws { try Verification(program).check() }

    @Test(arguments: TracedProgram(name: "fibers").built(Variant.everyArm))
    func fibersSwitchStacks(_ program: TracedProgram) throws { try Verification(program).check() }

    @Test(arguments: TracedProgram(name: "deep").built(Variant.everyArm))
    func backtraceIsComplete(_ program: TracedProgram) throws { try Verification(program).check() }

    @Test(arguments: TracedProgram(name: "recursion").built(Variant.everyArm))
    func recursionIsDeep(_ program: TracedProgram) throws { try Verification(program).check() }

    @Test(arguments: TracedProgram(name: "tailcalls").built([.a64O2, .a64Clang, .a64XRay, .a32O2, .t32O2, .t32Os]))
    func tailCallsDoNotGrowAnything(_ program: TracedProgram) throws { try Verification(program).check() }

    @Test(
        arguments: TracedProgram(name: "return_address", entryOnly: ["asks", "asks_leaf"]).built(Variant.everyArm))
    func returnAddressIsTheTrueCallers(_ program: TracedProgram) throws { try Verification(program).check() }

    @Test(arguments: TracedProgram(name: "threads", arguments: ["200"]).built(Variant.everyArm))
    func threadsEndWhileOthersRecord(_ program: TracedProgram) throws { try Verification(program).check() }

    @Test(arguments: TracedProgram(name: "many_threads", arguments: ["2000"]).built(Variant.someArm))
    func manyThreadsRecord(_ program: TracedProgram) throws { try Verification(program).check() }

    @Test(arguments: TracedProgram(name: "fork").built(Variant.everyArm))
    func forkedChildrenAreTraced(_ program: TracedProgram) throws { try Verification(program).check() }

    @Test(arguments: TracedProgram(name: "loading", library: .opened).built(Variant.everyArm))
    func openedLibrariesAreTraced(_ program: TracedProgram) throws { try Verification(program).check() }

    @Test(
        arguments: TracedProgram(name: "pthread_ends", compileFlags: ["-fexceptions"]).built([
            .a64O2, .a64O0, .a64Clang, .a32Mcount, .t32Mcount,
        ]))
    func threadsEndByForce(_ program: TracedProgram) throws { try Verification(program).check() }

    @Test(
        arguments: TracedProgram(name: "exceptions", isCxx: true, uncounted: ControlFlowTests.headers).built(
            Variant.armThrowing)
            + TracedProgram(name: "exceptions_many", isCxx: true).built([.a64O2, .a32Mcount, .t32Mcount])
            + TracedProgram(name: "exceptions_signals", isCxx: true).built(Variant.armThrowing)
            + TracedProgram(name: "exceptions_library", isCxx: true, library: .linked).built([
                .a64O2, .a64O0, .a32Mcount, .t32Mcount,
            ]))
    func exceptionsPassTracedFrames(_ program: TracedProgram) throws { try Verification(program).check() }

    @Test(
        arguments: TracedProgram(
            name: "constructors", isCxx: true,
            uncounted: ["_GLOBAL__sub_I_", "__cxx_global_var_init", "__static_initialization"]
        ).built([.a64O2, .a64O0, .a32O2, .t32O2]))
    func constructorsAndDestructorsAreTraced(_ program: TracedProgram) throws { try Verification(program).check() }

    static let ends: [TracedProgram] = [
        ("return", Ending.exited(5)), ("exit", .exited(7)), ("_exit", .exited(8)), ("quick_exit", .exited(9)),
        ("exit_group", .exited(10)), ("abort", .signalled(6)), ("kill", .signalled(9)), ("term", .signalled(15)),
        ("segv", .signalled(11)),
    ].flatMap { way, ending in TracedProgram(name: "ends", arguments: [way], ending: ending).built(Variant.someArm) }

    @Test(arguments: ends)
    func everythingUpToTheEndIsInTheTrace(_ program: TracedProgram) throws { try Verification(program).check() }
}
