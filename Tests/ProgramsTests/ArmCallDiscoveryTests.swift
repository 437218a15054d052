import Foundation
import MachineCode
import Patching
import Testing

@testable import Programs

/// Entry calls of 32-bit Arm programs, `push {lr}; bl __gnu_mcount_nc` after the prologue, as real compilers write them.
@Suite struct ArmCallDiscoveryTests {
    static let commands = ["-marm", "-mthumb"].flatMap { set in
        let levels = ["-O0", "-O1", "-O2", "-Os", "-O3"]
        let gcc = levels.flatMap { level in
            ["-fPIE -pie", "-fno-pic -no-pie", "-fPIC -shared"].map {
                "arm-linux-gnueabihf-gcc \(set) \(level) \($0) -pg"
            }
        }
        let ways = [
            "-Wl,--long-plt", "-fuse-ld=gold", "-Wl,-z,now", "-static", "-fstack-protector-strong",
            "-fstack-clash-protection",
        ].map { "arm-linux-gnueabihf-gcc \(set) -O2 -pg \($0)" }
        let clang = levels.flatMap { level in
            ["-fPIE -pie", "-fno-pic -no-pie"].map {
                "clang-19 --target=arm-linux-gnueabihf -meabi gnu \(set) \(level) \($0) -pg"
            }
        }
        return gcc + ways + clang + ["arm-linux-gnueabihf-gcc -marm -O2 -pg -mapcs-frame"]
    }

    /// Prologues of every kind: no frame, big frames, saved vector registers, arguments by value and without a number.
    static let source =
        Built.sample.replacing("int main(", with: "int plainMain(") + """

            #include <stdlib.h>
            __attribute__((noinline)) int big(int a) { volatile char c[70000]; c[a] = 1; return c[a + 1]; }
            __attribute__((noinline)) int bigger(int a) { volatile char c[3000000]; c[a] = leaf(a); return c[a + 1]; }
            __attribute__((noinline)) double vector(double a, double b, double c, double d)
            { double s = leaf(1); s += leaf(2) * a; s += leaf(3) * b; s += leaf(4) * c + d; return s; }
            __attribute__((noinline, noreturn)) void die(int a) { exit(leaf(a)); }
            __attribute__((noinline)) int varying(int n) { volatile char c[n]; c[0] = leaf(n); return c[0]; }
            __attribute__((noinline)) int table(int a, int b)
            { switch (a) { case 0: return leaf(b); case 1: return b + 7; case 2: return b * 5; case 3: return leaf(b) + 1;
              case 4: return b ^ 3; case 5: return leaf(b * 2); case 6: return b / 3; default: return 0; } }
            struct S { int v[40]; };
            __attribute__((noinline)) struct S byValue(struct S s, int i) { s.v[i] = leaf(i); return s; }
            __attribute__((noinline)) int protect(int a) { char b[64]; sprintf(b, "%d", a); return b[0]; }
            int main(int argc, char **argv)
            { struct S s = {{0}}; if (argc > 9) { bigger(1); die(varying(argc)); }
              return plainMain(argc, argv) + big(argc) + vector(1, 2, 3, 4) + table(argc, 3) + byValue(s, 1).v[1] + protect(3); }
            """
    static let functions = Built.functions.union([
        "plainMain", "big", "bigger", "vector", "die", "varying", "table", "byValue", "protect",
    ])

    /// A function in which objdump shows a call of the hook.
    struct Hooked {
        /// What stands before `push {lr}`, as text.
        var prologue: [String] = []
        /// Where the call ends.
        var end: UInt64 = 0
    }

    /// One instruction a line, without its place, bytes and remarks.
    static func instruction(_ line: Substring) -> String? {
        let parts = line.split(separator: "\t", omittingEmptySubsequences: false)
        guard parts.count >= 2, parts[0].hasSuffix(":") else { return nil }
        let text = parts[1...].joined(separator: " ").prefix { $0 != "@" && $0 != ";" }
        return text.split(separator: " ").joined(separator: " ")
    }

    private func oracle(_ path: String) throws -> [String: Hooked] {
        let listing = try Built.run(["arm-linux-gnueabihf-objdump", "-d", "--no-show-raw-insn", path])
        var found: [String: Hooked] = [:]
        var (name, lines): (String, [String]) = ("", [])
        for line in listing.split(separator: "\n") {
            if line.hasSuffix(">:"), let start = line.firstIndex(of: "<") {
                (name, lines) = (String(line[line.index(after: start)...].dropLast(2)), [])
            } else if let text = Self.instruction(line) {
                lines.append(text)
                guard text.hasPrefix("bl"), text.contains("<__gnu_mcount_nc"), !name.contains("mcount"),
                    found[name] == nil,
                    let place = UInt64(line.prefix { $0 != ":" }.trimmingCharacters(in: .whitespaces), radix: 16)
                else { continue }
                found[name] = Hooked(prologue: Array(lines.dropLast(2)), end: place + 4)
            }
        }
        return found
    }

    @Test(arguments: commands)
    func everyCallIsASite(_ command: String) throws {
        let path = try Built.program(Self.source, command)
        let calls = try oracle(path)
        let isThumb = command.contains("-mthumb")
        #expect(Self.functions.isSubset(of: calls.keys))
        let image = try Built.image(path)
        let sites = image.sites.filter { calls[$0.function.name] != nil }
        #expect(sites.count == calls.count, "\(command): \(sites.count) of \(calls.count)")
        var slid: [(name: String, bytes: [UInt8])] = []
        for entry in sites {
            let call = try #require(calls[entry.function.name])
            let name = "\(entry.function.name) \(command)"
            guard case .traceable(let site, let exits, _) = entry.verdict else {
                expectReason(entry.verdict, call.prologue, name)
                continue
            }
            #expect(site.isa == (isThumb ? .t32 : .a32) && site.address == entry.function.address)
            #expect(exits != Built.returnAddressReaders.contains(entry.function.name), "\(name)")
            guard case .mcountCall(let prologueByteCount, let callByteCount) = site.shape else {
                Issue.record("\(name): \(site.shape)")
                continue
            }
            #expect(site.address + UInt64(site.original.count) == call.end, "\(name)")
            #expect(site.original.count == prologueByteCount + callByteCount)
            #expect(site.original == image.code(at: site.address, count: site.original.count))
            #expect(site.sledByteCount + site.tail.count == site.original.count)
            #expect(site.prologueLengths?.count == call.prologue.count)
            slid.append((entry.function.name, try site.bytes(of: .off, bias: 0, stub: site.address + 0x1000)))
        }
        try expectPrologues(slid, calls, isThumb: isThumb, command)
    }

    /// What is not slid has a reason, and objdump shows it in the prologue.
    private func expectReason(_ verdict: FunctionSite.Verdict, _ prologue: [String], _ name: String) {
        guard case .notTraceable(let reason) = verdict else { return }
        switch reason {
        case "the prologue uses the program counter":
            #expect(prologue.contains { $0.contains(/\bpc\b|^adr/) }, "\(name): \(prologue)")
        case "the prologue has a branch or call before mcount":
            #expect(prologue.contains { $0.contains(/^b|^cb/) }, "\(name): \(prologue)")
        default: Issue.record("\(name): \(reason)")
        }
    }

    /// Behind the sled, another disassembler finds the instructions of the prologue, and on A32 a NOP.
    private func expectPrologues(
        _ windows: [(name: String, bytes: [UInt8])], _ calls: [String: Hooked], isThumb: Bool, _ command: String
    ) throws {
        if windows.isEmpty { return }
        let raw = Built.folder.appendingPathComponent(UUID().uuidString)
        try Data(windows.flatMap(\.bytes)).write(to: raw)
        let listing = try Built.run(
            ["arm-linux-gnueabihf-objdump", "-D", "-b", "binary", "-m", "arm", "--no-show-raw-insn", raw.path]
                + (isThumb ? ["-M", "force-thumb"] : []))
        var lines = listing.split(separator: "\n").compactMap(Self.instruction)[...]
        for window in windows {
            let sled = lines.prefix(isThumb ? 2 : 1)
            #expect(isThumb ? sled.first?.hasPrefix("b.n") == true : sled.first?.hasPrefix("nop") == true)
            let prologue = try #require(calls[window.name]).prologue
            lines = lines.dropFirst(sled.count)
            #expect(Array(lines.prefix(prologue.count)) == prologue, "\(window.name) \(command)")
            lines = lines.dropFirst(prologue.count)
            if !isThumb { #expect(lines.popFirst()?.hasPrefix("nop") == true, "\(window.name) \(command)") }
        }
        #expect(lines.isEmpty)
    }

    /// lld's PLT, which objdump has no names for: the sites are those of the same code behind another linker.
    @Test(arguments: ["-marm -O1 -fPIE -pie", "-mthumb -O2 -fno-pic -no-pie", "-mthumb -O0 -fPIE -pie"])
    func otherLinker(_ flags: String) throws {
        let command = "clang-19 --target=arm-linux-gnueabihf -meabi gnu \(flags) -pg"
        let images = try ["", " -fuse-ld=lld-19"].map { try Built.image(Built.program(Self.source, command + $0)) }
        let shapes = images.map { image in
            image.sites.filter { Self.functions.contains($0.function.name) }.reduce(into: [String: SiteShape?]()) {
                if case .traceable(let site, _, _) = $1.verdict { $0[$1.function.name] = site.shape }
            }
        }
        #expect(shapes[0] == shapes[1] && shapes[0].count > Self.functions.count / 2)
    }

    /// Prologues that must stay where they are, written by hand.
    @Test(arguments: [
        ("-marm", "push {r4, lr}\nldr r4, [pc, #4]", "the prologue uses the program counter"),
        ("-marm", "adr r3, f", "the prologue uses the program counter"),
        ("-marm", "cmp r0, #0\nbeq 9f", "the prologue has a branch or call before mcount"),
        ("-mthumb", "push {r4, lr}\nldr r4, [pc, #4]", "the prologue uses the program counter"),
        ("-mthumb", "cmp r0, #0\n.short 0xbf18", "an IT block reaches out of the prologue"),
    ])
    func whatCanNotSlide(_ set: String, _ prologue: String, _ reason: String) throws {
        let thumb = set == "-mthumb" ? ".thumb_func\\n" : ".arm\\n"
        let assembly = prologue.replacing("\n", with: "\\n")
        let source = """
            __asm__(".syntax unified\\n.text\\n.align 2\\n.global f\\n\(thumb).type f, %function\\nf:\\n\(assembly)\\npush {lr}\\n"
                "bl __gnu_mcount_nc\\n9: mov r0, r0\\nbx lr\\n.align 2\\n.word 0\\n.size f, .-f\\n");
            int f(int);
            int main(void) { return f(1); }
            """
        let path = try Built.program(source, "arm-linux-gnueabihf-gcc \(set) -O2")
        let site = try #require(try Built.image(path).sites.first { $0.function.name == "f" })
        #expect(site.verdict == .notTraceable(reason: reason))
    }

    /// A branch into the window, from behind it.
    @Test(arguments: ["-marm", "-mthumb"])
    func branchIntoThePrologue(_ set: String) throws {
        let thumb = set == "-mthumb" ? ".thumb_func\\n" : ".arm\\n"
        let source = """
            __asm__(".syntax unified\\n.text\\n.align 2\\n.global f\\n\(thumb).type f, %function\\nf:\\nmov r3, r0\\n8: push {lr}\\n"
                "bl __gnu_mcount_nc\\nsubs r0, r0, #1\\nbne 8b\\nbx lr\\n.size f, .-f\\n");
            int f(int);
            int main(void) { return f(1); }
            """
        let path = try Built.program(source, "arm-linux-gnueabihf-gcc \(set) -O2")
        let site = try #require(try Built.image(path).sites.first { $0.function.name == "f" })
        #expect(site.verdict == .notTraceable(reason: "a branch leads into the prologue"))
    }

    /// The hook itself is no site, whoever defines it.
    @Test(arguments: ["-marm", "-mthumb"])
    func hookOfItsOwn(_ set: String) throws {
        let source = Self.source + "\nvoid __gnu_mcount_nc(void) { __builtin_trap(); }\n"
        let path = try Built.program(source, "arm-linux-gnueabihf-gcc \(set) -O2 -pg")
        let sites = try Built.image(path).sites
        #expect(Self.functions.isSubset(of: sites.lazy.filter(\.isTraceable).map(\.function.name)))
        #expect(!sites.contains { $0.isTraceable && $0.function.name == "__gnu_mcount_nc" })
    }

    /// Damaged files are refused or read, and crash nobody.
    @Test(arguments: ["-marm", "-mthumb"])
    func damagedFiles(_ set: String) throws {
        let path = try Built.program(Self.source, "arm-linux-gnueabihf-gcc \(set) -O2 -pg")
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        let damaged = Built.folder.appendingPathComponent(UUID().uuidString)
        var random = Seeded(state: UInt64(set.count))
        var outcomes = [0, 0]
        for round in 0..<500 {
            var bytes = whole
            // Headers, the tables of the loader and the PLT, section headers; then anything.
            let ranges = [0..<64, 64..<0x600, (whole.count - 2048)..<whole.count, 0..<whole.count]
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                bytes[Int.random(in: ranges[round % 4], using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            try bytes.write(to: damaged)
            let image = try? Built.image(damaged.path)
            outcomes[image == nil ? 0 : 1] += 1
            for case .traceable(let site, _, _) in image?.sites.map(\.verdict) ?? [] {
                #expect(site.sledByteCount + site.tail.count == site.original.count)
                #expect(site.original == image?.code(at: site.address, count: site.original.count))
            }
        }
        // Both happen, so both were tried.
        #expect(outcomes.allSatisfy { $0 > 0 }, "\(outcomes)")
    }
}
