import Foundation
import MachineCode
import Patching
import Testing

@testable import Programs

/// AArch64 programs of real compilers, read on whatever machine this is.
@Suite struct A64DiscoveryTests {
    static let compilers = ["aarch64-linux-gnu-gcc", "clang-19 --target=aarch64-linux-gnu"]
    static let kinds = ["-fPIE -pie", "-fno-pie -no-pie", "-fPIC -shared"]

    static let commands = compilers.flatMap { compiler in
        ["-O0", "-O2", "-Os"].flatMap { level in
            kinds.flatMap { kind in
                ["none", "standard"].flatMap { protection in
                    (1...3).map { count in
                        "\(compiler) \(level) \(kind) -mbranch-protection=\(protection) -fpatchable-function-entry=\(count)"
                    }
                }
            }
        }
    }

    @Test(arguments: commands)
    func everyFunctionHasItsNop(_ command: String) throws {
        let path = try Built.program(Built.sample, command)
        let image = try Built.image(path)
        #expect(image.isa == .a64)
        let oracle = try Built.addresses(in: path)
        var found: Set<String> = []
        for entry in image.sites {
            guard case .traceable(let site, let exits, _) = entry.verdict else {
                Issue.record("\(entry.function.name) is not traceable with \(command): \(entry.verdict)")
                continue
            }
            found.insert(entry.function.name)
            #expect(entry.function.address == oracle[entry.function.name], "\(command)")
            #expect(site.isa == .a64 && site.shape == .singleNop(byteCount: 4) && site.tail.isEmpty)
            #expect(site.original == image.code(at: site.address, count: 4))
            // Behind BTI, before PACIASP: where one stands.
            #expect([0, 4].contains(site.address - entry.function.address), "\(command)")
            #expect(
                exits != Built.returnAddressReaders.contains(entry.function.name), "\(entry.function.name) \(command)")
        }
        #expect(found == Built.functions, "\(command)")
    }

    /// What a compiler writes for sleds: a branch over seven NOPs.
    @Test func xraySleds() throws {
        let object = try Built.program(
            Built.sample,
            "clang-19 --target=aarch64-linux-gnu -O2 -fPIC -fxray-instrument -fxray-instruction-threshold=1 -c")
        let path = object + ".so"
        try Built.run(["aarch64-linux-gnu-gcc", "-shared", object, "-o", path])
        let sites = try Built.image(path).sites
        #expect(sites.count >= Built.functions.count)
        for entry in sites {
            guard case .traceable(let site, _, _) = entry.verdict else {
                Issue.record("\(entry.function.name): \(entry.verdict)")
                continue
            }
            #expect(site.shape == .xraySled && site.original.count == 32)
        }
    }

    /// Only what is asked for is read: nobody records a foreign program by mistake.
    @Test func foreignProgramsAreStillForeign() throws {
        let path = try Built.program(Built.sample, "aarch64-linux-gnu-gcc -O2 -fpatchable-function-entry=1")
        #expect(throws: ProgramError.foreignMachine(path: path, machine: "AArch64")) {
            try ModuleImage.read(path: path)
        }
    }
}
