import Foundation
import MachineCode
import Patching
import Testing

@testable import Programs

/// What each way of compiling must give, on gcc's and clang's real output.
@Suite struct SiteDiscoveryTests {
    static let levels = ["-O0", "-O2", "-Os"]
    static let kinds = ["-fPIE -pie", "-fno-pie -no-pie", "-fPIC -shared"]
    static let protections = ["-fcf-protection=none", "-fcf-protection=full"]

    /// Every level, kind and protection, after one prefix.
    static func matrix(_ compilers: [String]) -> [String] {
        compilers.flatMap { compiler in
            levels.flatMap { level in
                kinds.flatMap { kind in protections.map { "\(compiler) \(level) \(kind) \($0)" } }
            }
        }
    }

    /// The sites of the sample's functions by name; checks what holds for every one of them.
    @discardableResult
    func check(_ command: String, shape: (SiteShape) -> Bool) throws -> [String: Site] {
        let path = try Built.program(Built.sample, command)
        let image = try ModuleImage.read(path: path)
        let oracle = try Oracle.functions(in: path)
        var found: [String: Site] = [:]
        for entry in image.sites {
            let name = entry.function.name
            guard case .traceable(let site, let exits, _) = entry.verdict else {
                Issue.record("\(name) is not traceable with \(command): \(entry.verdict)")
                continue
            }
            found[name] = site
            #expect(shape(site.shape), "\(name) \(site.shape) \(command)")
            #expect(exits != Built.returnAddressReaders.contains(name), "\(name) exits \(exits) with \(command)")
            #expect(entry.function.address == oracle[name], "\(name) \(command)")
            #expect(site.address - entry.function.address == (command.contains("=full") ? 4 : 0), "\(name) \(command)")
            #expect(site.original.count == InstructionSet.x86_64.sledByteCount + site.tail.count)
            #expect(
                site.original == image.elf.loaded(at: site.address, upTo: 4096)?.array(0, count: site.original.count))
        }
        #expect(Set(found.keys) == Built.functions, "\(command)")
        #expect(image.sites.map(\.function.address) == image.sites.map(\.function.address).sorted())
        return found
    }

    @Test(arguments: matrix(["gcc -fpatchable-function-entry=5"]))
    func smallNops(command: String) throws {
        try check(command) { $0 == .smallNops(count: 5) }
    }

    @Test(arguments: matrix(["clang-19 -fpatchable-function-entry=5"]))
    func singleNop(command: String) throws {
        try check(command) { $0 == .singleNop(byteCount: 5) }
    }

    @Test(arguments: matrix(["gcc -pg -mfentry", "clang-19 -pg -mfentry"]))
    func fentry(command: String) throws {
        try check(command) { $0 == .fentryCall(byteCount: 5) || $0 == .fentryCall(byteCount: 6) }
    }

    @Test(arguments: matrix(["gcc -pg", "clang-19 -pg"]))
    func mcountAfterPrologue(command: String) throws {
        let sites = try check(command) {
            if case .mcountCall(let prologue, let call) = $0 { return prologue > 0 && (call == 5 || call == 6) }
            return false
        }
        for (name, site) in sites {
            guard case .mcountCall(let prologue, _) = site.shape else { continue }
            #expect(Array(site.tail.prefix(prologue)) == Array(site.original.prefix(prologue)), "\(name)")
            #expect(site.tail.dropFirst(prologue).allSatisfy { $0 == 0x90 })
        }
    }

    @Test(arguments: ["-O0", "-O2", "-Os"])
    func nopMcount(level: String) throws {
        try check("gcc \(level) -fcf-protection=none -fno-pie -no-pie -pg -mfentry -mnop-mcount -mrecord-mcount") {
            $0 == .singleNop(byteCount: 5)
        }
    }

    @Test(arguments: ["-O0 -fcf-protection=none", "-O2 -fcf-protection=none", "-O2 -fcf-protection=full"])
    func xray(level: String) throws {
        let command = "clang-19 \(level) -fxray-instrument -fxray-instruction-threshold=1"
        let path = try Built.program(Built.sample, command)
        let image = try ModuleImage.read(path: path)
        let names = image.sites.filter(\.isTraceable).map(\.function.name)
        #expect(Set(names) == Built.functions)
        for case .traceable(let site, _, _) in image.sites.map(\.verdict) {
            #expect(site.shape == .xraySled)
            #expect(site.original.count == 11)
            #expect(site.tail == [0x66, 0x0F, 0x1F, 0x44, 0, 0])
        }
    }

    /// N NOPs of which M stand before the entry.
    @Test(
        arguments: [
            ("gcc", 7, 2, true), ("gcc", 5, 2, false), ("gcc", 16, 0, true), ("gcc", 4, 0, false), ("gcc", 10, 5, true),
            ("clang-19", 7, 2, true), ("clang-19", 5, 2, false), ("clang-19", 16, 0, true), ("clang-19", 12, 0, true),
            ("clang-19", 4, 0, false),
        ], ["-fcf-protection=none -fno-pie -no-pie", "-fcf-protection=full -fPIE -pie"])
    func entryOffset(what: (compiler: String, total: Int, before: Int, isTraceable: Bool), flags: String) throws {
        let option = "-fpatchable-function-entry=\(what.total),\(what.before)"
        let path = try Built.program(Built.sample, "\(what.compiler) -O2 \(flags) \(option)")
        let image = try ModuleImage.read(path: path)
        #expect(Set(image.sites.map(\.function.name)) == Built.functions)
        for entry in image.sites {
            switch entry.verdict {
            case .traceable(let site, _, _):
                #expect(what.isTraceable)
                #expect(site.address == entry.function.address + (flags.contains("=full") ? 4 : 0))
            case .notTraceable(let reason):
                #expect(!what.isTraceable)
                #expect(reason == "the entry has fewer than 5 bytes of NOPs")
            }
        }
    }

    /// Functions that the linker threw away are not listed. With gcc 12 it throws none away: the
    /// section of pointers keeps them.
    @Test(arguments: ["gcc", "clang-19 -fuse-ld=bfd"])
    func garbageCollected(compiler: String) throws {
        let source = Built.sample + "\nint unused(int a) { return a; }\n"
        let path = try Built.program(
            source, "\(compiler) -O2 -fpatchable-function-entry=5 -ffunction-sections -Wl,--gc-sections")
        let names = try ModuleImage.read(path: path).sites.map(\.function.name)
        let isKept = try Oracle.functions(in: path)["unused"] != nil
        #expect(names.sorted() == (Built.functions.sorted() + (isKept ? ["unused"] : [])).sorted())
    }

    @Test func indirectFunctionResolver() throws {
        let source = """
            static int one(void) { return 1; }
            static void *resolve(void) { return (void *)one; }
            int chosen(void) __attribute__((ifunc("resolve")));
            int main(void) { return chosen(); }
            """
        let path = try Built.program(source, "gcc -O0 -fpatchable-function-entry=5")
        let sites = try ModuleImage.read(path: path).sites
        let untraceable = sites.filter { !$0.isTraceable }
        #expect(untraceable.count == 1)
        #expect(untraceable.first?.function.address == (try Oracle.functions(in: path)["resolve"]))
        #expect(Set(sites.filter(\.isTraceable).map(\.function.name)) == ["one", "main"])
    }

    @Test func stripped() throws {
        let path = try Built.program(Built.sample, "gcc -O2 -fpatchable-function-entry=5")
        let before = try ModuleImage.read(path: path)
        try Built.run(["strip", path])
        let after = try ModuleImage.read(path: path)
        #expect(!after.hasFunctionNames)
        #expect(after.sites.map(\.function.address) == before.sites.map(\.function.address))
        #expect(after.sites.allSatisfy { $0.function.name == "sub_" + String($0.function.address, radix: 16) })
        for (new, old) in zip(after.sites, before.sites) {
            guard case .traceable(let a, let exitsA, let remark) = new.verdict,
                case .traceable(let b, let exitsB, _) = old.verdict
            else { Issue.record("\(old.function.name)"); continue }
            #expect(a == b && exitsA == exitsB && remark != nil)
        }
    }

    @Test(arguments: [true, false])
    func separateDebugFile(hasBuildID: Bool) throws {
        let link = hasBuildID ? "-Wl,--build-id" : "-Wl,--build-id=none"
        let path = try Built.program(Built.sample, "gcc -g -O2 \(link) -fpatchable-function-entry=5")
        let before = try ModuleImage.read(path: path)
        try Built.run(["objcopy", "--only-keep-debug", path, path + ".debug"])
        try Built.run(["strip", path])
        try Built.run(["objcopy", "--add-gnu-debuglink=\(path).debug", path])
        let after = try ModuleImage.read(path: path)
        #expect(after.sites == before.sites)
        let address = try #require(after.sites.first { $0.function.name == "leaf" }).function.address
        #expect(SourceLines(of: after).line(at: address)?.line == 3)
        // A debug file of another build must not be believed.
        try Built.run(["cp", try Built.program("int main(void) { return 0; }", "gcc -g"), path + ".debug"])
        #expect(try !ModuleImage.read(path: path).hasFunctionNames)
    }

    @Test(arguments: ["none", "zlib"])
    func sourceLines(compression: String) throws {
        let path = try Built.program(Built.sample, "gcc -g -gz=\(compression) -O2 -fpatchable-function-entry=5")
        let image = try ModuleImage.read(path: path)
        let lines = SourceLines(of: image)
        for entry in image.sites {
            let expected = try Built.run(["addr2line", "-e", path, String(entry.function.address, radix: 16)])
            let line = try #require(lines.line(at: entry.function.address))
            #expect(
                expected.split(separator: " ").first.map(String.init)?.trimmingCharacters(in: .newlines)
                    == "\(line.file):\(line.line)")
        }
    }
}
