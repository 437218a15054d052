import Foundation
import MachineCode
import Patching
import Testing

@testable import Programs

/// Entry calls of 32-bit Arm programs, `push {lr}; bl __gnu_mcount_nc` after the prologue, as real compilers write them.
@Suite struct ArmCallDiscoveryTests {
    static let commands = ["-marm", "-mthumb"].flatMap { set in
        ["-O0", "-O1", "-O2", "-Os", "-O3"].flatMap { level in
            ["-fPIE -pie", "-fno-pie -no-pie", "-fPIC -shared"].map {
                "arm-linux-gnueabihf-gcc \(set) \(level) \($0) -pg"
            }
        }
    }

    /// Functions that objdump shows a call of the hook in, with the place of the call's end.
    private func oracle(_ path: String) throws -> [String: UInt64] {
        let listing = try Built.run(["arm-linux-gnueabihf-objdump", "-d", "--no-show-raw-insn", path])
        var found: [String: UInt64] = [:]
        var function = ""
        for line in listing.split(separator: "\n") {
            if line.hasSuffix(">:"), let start = line.firstIndex(of: "<") {
                function = String(line[line.index(after: start)...].dropLast(2))
            } else if line.contains("<__gnu_mcount_nc"), !function.contains("mcount"), found[function] == nil,
                let place = UInt64(line.prefix { $0 != ":" }.trimmingCharacters(in: .whitespaces), radix: 16)
            {
                found[function] = place + 4
            }
        }
        return found
    }

    @Test(arguments: commands)
    func everyCallIsASite(_ command: String) throws {
        let path = try Built.program(Built.sample, command)
        let calls = try oracle(path)
        let isThumb = command.contains("-mthumb")
        try #require(calls.count >= Built.functions.count)
        let image = try Built.image(path)
        var traceable = 0
        for entry in image.sites where calls[entry.function.name] != nil {
            guard case .traceable(let site, _, _) = entry.verdict else {
                // What can't slide says why.
                guard case .notTraceable(let reason) = entry.verdict else { continue }
                #expect(reason.contains("prologue") || reason.contains("start-up"), "\(entry.function.name): \(reason)")
                continue
            }
            traceable += 1
            #expect(site.isa == (isThumb ? .t32 : .a32) && site.address == entry.function.address)
            guard case .mcountCall(let prologue, let call) = site.shape else {
                Issue.record("\(entry.function.name): \(site.shape)")
                continue
            }
            #expect(site.address + UInt64(prologue + call) == calls[entry.function.name], "\(entry.function.name)")
            #expect(site.original == image.code(at: site.address, count: prologue + call))
            // The prologue is the same behind the sled, and the window as long as before.
            #expect(Array(site.tail.prefix(prologue)) == Array(site.original.prefix(prologue)))
            #expect(site.sledByteCount + site.tail.count == site.original.count)
            #expect(site.prologueLengths?.reduce(0, +) == prologue)
        }
        #expect(traceable >= Built.functions.count - 1, "\(command): \(traceable) of \(calls.count)")
    }

    /// Prologues that must stay where they are, written by hand.
    @Test(arguments: [
        ("-marm", "push {r4, lr}\nldr r4, [pc, #4]", "the prologue uses the program counter"),
        ("-marm", "adr r3, f", "the prologue uses the program counter"),
        ("-marm", "cmp r0, #0\nbeq 9f", "the prologue uses the program counter"),
        ("-mthumb", "push {r4, lr}\nldr r4, [pc, #4]", "the prologue uses the program counter"),
        ("-mthumb", "cmp r0, #0\nit eq\nmoveq r0, #1", "the prologue has an IT block"),
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

    /// Damaged files are refused or read, and crash nobody.
    @Test func damagedFiles() throws {
        let path = try Built.program(Built.sample, "arm-linux-gnueabihf-gcc -mthumb -O2 -pg")
        let whole = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        var state: UInt64 = 7
        for _ in 0..<200 {
            var bytes = whole
            for _ in 0..<8 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 20)
            }
            let damaged = Built.folder.appendingPathComponent("damaged-\(UUID().uuidString)")
            try Data(bytes).write(to: damaged)
            _ = try? Built.image(damaged.path)
            try FileManager.default.removeItem(at: damaged)
        }
    }
}
