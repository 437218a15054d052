import Testing

/// Arguments, results and registers come through the stubs unchanged.
@Suite struct CallingTests {
    @Test(arguments: TracedProgram(name: "arguments").built(Variant.everyKind))
    func argumentsAndResultsAreKept(_ program: TracedProgram) throws {
        try Verification(program).check()
    }

    static let vectors =
        TracedProgram(name: "vectors", compileFlags: ["-mavx2"]).built(Processor.hasAVX2 ? Variant.standard : [])
        + TracedProgram(name: "vectors", compileFlags: ["-mavx512f", "-DWIDE"])
        .built(Processor.hasAVX512 ? Variant.optimised : [])

    @Test(arguments: vectors)
    func vectorsAreKept(_ program: TracedProgram) throws {
        try Verification(program).check()
    }

    /// A preserve_all function may not lose vector registers either: only its entries are traced.
    @Test(arguments: TracedProgram(name: "conventions", entryOnly: ["all"]).built([.clangO2, .clangXRay]))
    func otherConventionsAreKept(_ program: TracedProgram) throws {
        try Verification(program).check()
    }

    @Test(
        arguments: TracedProgram(name: "return_address", entryOnly: ["asks", "asks_leaf"])
            .built(Variant.everyKind))
    func returnAddressIsTheTrueCallers(_ program: TracedProgram) throws {
        try Verification(program).check()
    }

    @Test(arguments: TracedProgram(name: "deep").built(Variant.everyKind))
    func backtraceIsComplete(_ program: TracedProgram) throws {
        try Verification(program).check()
    }
}
