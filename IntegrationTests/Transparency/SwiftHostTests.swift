import Foundation
import Testing

/// A Swift program with the agent in it: runtime, concurrency, Foundation's symbols stay its own.
@Suite struct SwiftHostTests {
    private func build() throws -> URL {
        try Compiler.build(
            "swift_host",
            [
                ["gcc", "-O2", "-c", "{source}/count.c", "-o", "count.o"],
                ["gcc", "-O2", "-fpatchable-function-entry=5", "-c", "{source}/swift_host.c", "-o", "host.o"],
                [
                    "swiftc", "-O", "-parse-as-library", "{source}/swift_host.swift", "host.o", "count.o", "-o",
                    "swift_host",
                ],
            ])
    }

    @Test func agentAloneDoesNotDisturbIt() throws {
        let program = try build().appendingPathComponent("swift_host").path
        let place = try Locations.freshDirectory("swift-preloaded")
        var run = ProcessRun(program: program, arguments: ["account"], directory: place)
        let plain = try run.run()
        run.environment["LD_PRELOAD"] = Locations.agent
        let preloaded = try run.run()
        #expect(plain.ending == .exited(0), "\(plain.command)\n\(plain.errors)")
        #expect(
            preloaded.ending == plain.ending, "LD_PRELOAD=\(Locations.agent) \(preloaded.command)\n\(preloaded.errors)")
        #expect(preloaded.output == plain.output)
        #expect(preloaded.errors == plain.errors)
    }

    /// Its C functions are traced while Swift code runs around them.
    @Test func itsInstrumentedFunctionsAreTraced() throws {
        let verification = try Verification(TracedProgram(name: "swift_host"), build: build())
        try verification.check()
    }
}
