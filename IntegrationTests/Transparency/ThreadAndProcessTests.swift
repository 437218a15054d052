import Testing

/// Threads and processes come and go while others record.
@Suite struct ThreadAndProcessTests {
    @Test(arguments: TracedProgram(name: "threads", arguments: ["1000"]).built([.gccO2, .gccO0, .clangXRay]))
    func threadsEndWhileOthersRecord(_ program: TracedProgram) throws {
        try Verification(program).check()
    }

    @Test func tenThousandThreadsRecord() throws {
        try Verification(TracedProgram(name: "many_threads", arguments: ["10000"])).check()
    }

    @Test(arguments: TracedProgram(name: "fork").built(Variant.standard))
    func forkedChildrenAreTraced(_ program: TracedProgram) throws {
        try Verification(program).check()
    }

    @Test(arguments: TracedProgram(name: "spawn", ending: .exited(6)).built(Variant.standard))
    func spawnedChildrenAreTraced(_ program: TracedProgram) throws {
        try Verification(program).check()
    }

    @Test(
        arguments: TracedProgram(name: "loading", library: .opened).built(Variant.standard + [.gccMcount, .clangXRay]))
    func openedLibrariesAreTraced(_ program: TracedProgram) throws {
        try Verification(program).check()
    }

    @Test(
        arguments: TracedProgram(
            name: "constructors", isCxx: true,
            uncounted: ["_GLOBAL__sub_I_", "__cxx_global_var_init", "__static_initialization"]
        ).built(Variant.standard))
    func constructorsAndDestructorsAreTraced(_ program: TracedProgram) throws {
        try Verification(program).check()
    }

    static let ends: [TracedProgram] = [
        ("return", .exited(5)), ("exit", .exited(7)), ("_exit", .exited(8)), ("quick_exit", .exited(9)),
        ("exit_group", .exited(10)), ("abort", .signalled(6)), ("kill", .signalled(9)),
        ("term", .signalled(15)), ("trap", .signalled(5)), ("segv", .signalled(11)), ("ill", .signalled(4)),
        ("fpe", .signalled(8)), ("exec", .exited(0)),
    ].map { way, ending in TracedProgram(name: "ends", arguments: [way], ending: ending) }

    @Test(arguments: ends)
    func everythingUpToTheEndIsInTheTrace(_ program: TracedProgram) throws {
        try Verification(program).check()
    }

    @Test func stackOverflowEndsTheSameWay() throws {
        try Verification(
            TracedProgram(name: "ends", arguments: ["overflow"], ending: .signalled(11), countsItself: false)
        ).check()
    }
}
