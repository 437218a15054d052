import Testing
import TraceFormat

/// Calls that end otherwise than by a return: exceptions, jumps, ends of threads, fibers.
@Suite struct ControlFlowTests {
    /// What the headers of the C++ library instantiate, and what the compiler adds.
    /// libc++'s inline namespace stands there as linked: libiberty of Debian 12 does not demangle
    /// templates with an ABI tag, nor clang's parameters that say their type (Tn), which tuples have.
    static let headers = ["std::", "_ZNSt3__1", "_ZNSt5tuple", "__gnu_cxx::", "operator ", "__clang_call_terminate"]
    static let exceptions =
        TracedProgram(name: "exceptions", isCxx: true, uncounted: headers).built(Variant.everyKind)
        + TracedProgram(name: "exceptions_many", isCxx: true).built([.gccO2, .clangO2, .gccMcount])
        + TracedProgram(name: "exceptions_library", isCxx: true, library: .linked).built(Variant.standard)
        + TracedProgram(
            name: "exceptions", isCxx: true,
            compileFlags: ["-stdlib=libc++", "-unwindlib=libunwind", "-rtlib=compiler-rt"], uncounted: headers
        ).built([.clangO2])

    @Test(arguments: exceptions)
    func exceptionsPassTracedFrames(_ program: TracedProgram) throws {
        try Verification(program).check()
    }

    @Test(
        arguments: TracedProgram(name: "exceptions_signals", isCxx: true).built(Variant.everyKind)
            + TracedProgram(
                name: "exceptions_signals", isCxx: true,
                compileFlags: ["-stdlib=libc++", "-unwindlib=libunwind", "-rtlib=compiler-rt"]
            ).built([.clangO2]))
    func handlersComeWhileAnUnwinderIsAtWork(_ program: TracedProgram) throws {
        try Verification(program).check()
    }

    @Test(arguments: TracedProgram(name: "longjmp").built(Variant.everyKind))
    func jumpsPassTracedFrames(_ program: TracedProgram) throws {
        try Verification(program).check()
    }

    @Test(arguments: TracedProgram(name: "signals").built(Variant.everyKind))
    func signalHandlersAreTraced(_ program: TracedProgram) throws {
        try Verification(program).check()
    }

    @Test(
        arguments: TracedProgram(name: "stepped", arguments: ["\(SessionMemory.wordsPerBlock - 1)"]).built([
            .gccO2, .clangMcount,
        ]))
    func handlersComeBetweenAnyTwoInstructions(_ program: TracedProgram) throws {
        try Verification(program).check()
    }

    @Test(
        arguments: TracedProgram(name: "pthread_ends", compileFlags: ["-fexceptions"]).built(Variant.standard)
            + TracedProgram(name: "pthread_ends", arguments: ["main"], compileFlags: ["-fexceptions"])
            .built(Variant.optimised))
    func threadsEndByForce(_ program: TracedProgram) throws {
        try Verification(program).check()
    }

    @Test(arguments: TracedProgram(name: "fibers").built(Variant.everyKind))
    func fibersSwitchStacks(_ program: TracedProgram) throws {
        try Verification(program).check()
    }

    /// The ramp and the body of a coroutine are made by the compiler: callgrind counts those.
    @Test(
        arguments: TracedProgram(
            name: "coroutines", isCxx: true,
            uncounted: ["squares", "failing", "std::", "Generator"]
        ).built(Variant.standard))
    func coroutinesSuspend(_ program: TracedProgram) throws {
        try Verification(program).check()
    }

    @Test(arguments: TracedProgram(name: "recursion").built(Variant.standard + [.gccMcount, .clangXRay]))
    func recursionIsDeep(_ program: TracedProgram) throws {
        try Verification(program).check()
    }

    @Test(arguments: TracedProgram(name: "tailcalls").built([.gccO2, .clangO2, .gccFentry, .clangXRay]))
    func tailCallsDoNotGrowAnything(_ program: TracedProgram) throws {
        let verification = try Verification(program)
        let assembly = try ProcessRun(
            program: "/usr/bin/objdump",
            arguments: ["-d", "--no-show-raw-insn", "--disassemble=loop_a", "tailcalls.o"],
            directory: verification.build
        ).run().output
        try #require(assembly.contains("jmp"), "loop_a is not a loop of tail calls:\n\(assembly)")
        try #require(!assembly.contains("call   loop_b"), "loop_a calls loop_b:\n\(assembly)")
        try verification.check()
    }
}
