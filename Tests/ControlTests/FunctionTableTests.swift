import Foundation
import Globs
import Programs
import Testing
import TraceFormat

@testable import Control

/// Ids and the ledger's tallies, on a real compiler's output.
@Suite struct FunctionTableTests {
    static let source = """
        __attribute__((noinline)) int one(int a) { return a + 1; }
        __attribute__((noinline)) int two(int a) { return one(a) * 2; }
        __attribute__((noinline)) long caller(void) { return (long)__builtin_return_address(0); }
        int main(int argc, char **argv) { (void)argv; return two(argc) + (caller() == 0); }
        """

    static func image(_ flags: [String]) throws -> ModuleImage {
        let base = FileManager.default.temporaryDirectory.appendingPathComponent("nopal-control-\(UUID().uuidString)")
            .path
        try source.write(toFile: base + ".c", atomically: true, encoding: .utf8)
        defer { for path in [base, base + ".c"] { try? FileManager.default.removeItem(atPath: path) } }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["gcc", "-O2"] + flags + [base + ".c", "-o", base]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return try ModuleImage.read(path: base)
    }

    static func table(only: [String] = [], never: [String] = [], recordsExits: Bool = true) -> FunctionTable {
        FunctionTable(
            selection: Selection(filter: FunctionFilter(only: only, never: never), recordsExits: recordsExits))
    }

    static let flags = ["-fpatchable-function-entry=5"]

    @Test func idsAreUniqueInTheSession() throws {
        let image = try Self.image(Self.flags)
        let table = Self.table()
        let modules = try (0..<3).map { _ in try #require(table.add(image)) }
        #expect(modules.map(\.index) == [0, 1, 2])
        #expect(modules.map(\.record.index) == [0, 1, 2])
        let ids = modules.flatMap { $0.sites.map(\.function) }
        #expect(ids.count == 12 && ids.sorted() == Array(1...12))
        for module in modules {
            #expect(module.record.functions.map(\.id) == module.sites.map(\.function))
            #expect(Set(module.record.functions.map(\.name)) == ["one", "two", "caller", "main"])
            for (site, function) in zip(module.sites, module.record.functions) {
                #expect(site.site.function.name == function.name && site.hasExit == function.hasExits)
                #expect(function.hasExits == (function.name != "caller"))
            }
        }
    }

    /// Every site is traced or in a row that says why not.
    @Test(arguments: [([], []), (["t*"], []), ([], ["main", "one"]), (["nothing"], [])] as [([String], [String])])
    func tallies(only: [String], never: [String]) throws {
        let module = try #require(Self.table(only: only, never: never).add(try Self.image(Self.flags)))
        let record = module.record
        let left = record.notTraced.filter { !$0.reason.hasPrefix("entries only") }.map(\.count).reduce(0, +)
        #expect(record.siteCount == 4)
        #expect(record.tracedCount == UInt64(module.sites.count))
        #expect(record.siteCount == record.tracedCount + left)
        let partial = record.notTraced.filter { $0.reason.hasPrefix("entries only") }
        #expect(partial.map(\.count).reduce(0, +) == UInt64(module.sites.count { !$0.hasExit }))
        let examples = record.notTraced.map { $0.examples.count == min(3, Int($0.count)) }
        #expect(examples.allSatisfy { $0 })
    }

    @Test func withoutExits() throws {
        let module = try #require(Self.table(recordsExits: false).add(try Self.image(Self.flags)))
        #expect(module.sites.count == 4 && module.sites.allSatisfy { !$0.hasExit })
        #expect(module.record.functions.allSatisfy { !$0.hasExits })
    }

    @Test func modulesWithoutSitesHaveNoNumber() throws {
        let table = Self.table()
        #expect(table.add(try Self.image([])) == nil)
        #expect(try #require(table.add(try Self.image(Self.flags))).index == 0)
    }
}
