import Foundation
import Testing

/// The oracle itself: the comparison must be able to fail, and the programs' own counts agree with
/// valgrind's.
@Suite struct ComparisonTests {
    private static func account(_ rows: [(Int, String, Counts)]) -> Account {
        rows.reduce(into: Account()) { $0.add($1.2, thread: $1.0, function: $1.1) }
    }
    private static let one = account([
        (1, "f", Counts(entries: 3, exits: 1, unwound: 1, open: 1)), (2, "g", Counts(entries: 1, exits: 1)),
    ])

    @Test func equalAccountsHaveNoDifferences() {
        #expect(AccountComparison().differences(expected: Self.one, traced: Self.one).isEmpty)
    }

    @Test func everyChangedNumberIsFound() {
        for change in [\Counts.entries, \Counts.exits, \Counts.unwound, \Counts.open] {
            for key in Self.one.rows.keys {
                var other = Self.one
                other.rows[key]?[keyPath: change] += 1
                #expect(AccountComparison().differences(expected: Self.one, traced: other).count == 1)
            }
        }
    }

    @Test func missingAndSurplusRowsAreFound() {
        var fewer = Self.one
        fewer.rows[AccountKey(thread: 2, function: "g")] = nil
        #expect(AccountComparison().differences(expected: Self.one, traced: fewer).count == 1)
        #expect(AccountComparison().differences(expected: fewer, traced: Self.one).count == 1)
    }

    @Test func callsOfTheWrongThreadAreFound() {
        let moved = Self.account([
            (1, "f", Counts(entries: 3, exits: 1, unwound: 1, open: 1)), (3, "g", Counts(entries: 1, exits: 1)),
        ])
        #expect(AccountComparison().differences(expected: Self.one, traced: moved).count == 2)
    }

    /// An uncounted function may be allowed by prefix, but never out of balance.
    @Test func uncountedFunctionsMustBalance() {
        let allowed = AccountComparison(uncounted: ["std::"])
        let good = Self.account([(1, "std::f", Counts(entries: 2, exits: 2))])
        let bad = Self.account([(1, "std::f", Counts(entries: 2, exits: 1))])
        #expect(allowed.differences(expected: Account(), traced: good).isEmpty)
        #expect(allowed.differences(expected: Account(), traced: bad).count == 1)
        #expect(AccountComparison().differences(expected: Account(), traced: good).count == 1)
    }

    /// Not the fibers: callgrind takes a switch of stacks for returns and calls. Nor a signal
    /// handler's entries: it sees no caller there.
    static let deterministic: [TracedProgram] = [
        TracedProgram(name: "exceptions", isCxx: true), TracedProgram(name: "longjmp"),
        TracedProgram(name: "coroutines", isCxx: true),
        TracedProgram(name: "arguments"), TracedProgram(name: "exceptions_library", isCxx: true, library: .linked),
        TracedProgram(name: "return_address"), TracedProgram(name: "conventions", variant: .clangO2),
    ]

    @Test(arguments: deterministic)
    func ownCountsAgreeWithCallgrind(_ program: TracedProgram) throws {
        let verification = try Verification(program)
        let plain = try verification.plainRun()
        var valgrind = plain
        valgrind.program = try #require(Compiler.find("valgrind"), "valgrind is not installed: apt install valgrind")
        valgrind.arguments =
            [
                "--tool=callgrind", "--callgrind-out-file=callgrind.out", "--separate-threads=no",
                "--compress-strings=no", "--compress-pos=no", plain.program,
            ] + plain.arguments
        let result = try valgrind.run()
        try #require(result.ending == program.ending, "\(result.command)\n\(result.errors)")
        let calls = try CallgrindCalls(plain.directory.appendingPathComponent("callgrind.out"))
        let own = try verification.counted(plain).byFunction
        for (function, counts) in own where function != "main" && !function.hasPrefix("on_signal") {
            #expect(calls.entries[function] == counts.entries, "\(function): \(result.command)")
        }
        try FileManager.default.removeItem(at: verification.place)
    }
}
