import Foundation
import MachineCode
import Patching
import Testing

@testable import Programs

/// Programs for 32-bit Arm of real compilers, read on whatever machine this is.
@Suite struct ArmDiscoveryTests {
    static let commands = ["-marm", "-mthumb"].flatMap { set in
        ["-O0", "-O2", "-Os"].flatMap { level in
            ["-fPIE -pie", "-fno-pie -no-pie", "-fPIC -shared"].flatMap { kind in
                [1, 3].map { "arm-linux-gnueabihf-gcc \(set) \(level) \(kind) -fpatchable-function-entry=\($0)" }
            }
        }
    }

    @Test(arguments: commands)
    func everyFunctionHasItsNops(_ command: String) throws {
        let path = try Built.program(Built.sample, command)
        let oracle = try Built.addresses(in: path)
        let isThumb = command.contains("-mthumb")
        let isTooShort = isThumb && command.hasSuffix("=1")
        var found: Set<String> = []
        for entry in try Built.image(path).sites {
            guard case .traceable(let site, let exits, _) = entry.verdict else {
                #expect(
                    isTooShort
                        && entry.verdict == .notTraceable(reason: "the entry has fewer than three NOPs of 16 bits"),
                    "\(entry.function.name) \(command): \(entry.verdict)")
                continue
            }
            found.insert(entry.function.name)
            #expect(site.address == oracle[entry.function.name].map { $0 & ~1 }, "\(entry.function.name) \(command)")
            #expect(site.isa == (isThumb ? .t32 : .a32) && site.tail.isEmpty)
            #expect(site.shape == (isThumb ? .smallNops(count: 3) : .singleNop(byteCount: 4)))
            #expect(
                exits != Built.returnAddressReaders.contains(entry.function.name), "\(entry.function.name) \(command)")
        }
        #expect(found == (isTooShort ? [] : Built.functions), "\(command)")
    }

    /// What a compiler writes for sleds: a branch over six NOPs, listed in words of 32 bits.
    @Test func xraySleds() throws {
        let object = try Built.program(
            Built.sample,
            "clang-19 --target=arm-linux-gnueabihf -march=armv7-a -O2 -fPIC -fxray-instrument -fxray-instruction-threshold=1 -c"
        )
        let path = object + ".so"
        try Built.run(["arm-linux-gnueabihf-gcc", "-shared", object, "-o", path])
        let oracle = try Built.addresses(in: path)
        let sites = try Built.image(path).sites
        #expect(sites.count >= Built.functions.count)
        for entry in sites {
            guard case .traceable(let site, _, _) = entry.verdict else {
                Issue.record("\(entry.function.name): \(entry.verdict)")
                continue
            }
            #expect(site.address == oracle[entry.function.name].map { $0 & ~1 })
            #expect(site.isa == .a32 && site.shape == .xraySled && site.original.count == 28)
        }
    }

    /// C++ whose exception tables gcc puts in the wrong place, and what is none of it.
    @Test(arguments: [
        ("arm-linux-gnueabihf-g++ -marm -O2 -fpatchable-function-entry=1", true),
        ("arm-linux-gnueabihf-g++ -mthumb -O1 -static -fpatchable-function-entry=3", true),
        ("arm-linux-gnueabihf-g++ -marm -O2 -s -rdynamic -fpatchable-function-entry=1", true),
        ("arm-linux-gnueabihf-g++ -marm -O2 -pg", false),
        ("arm-linux-gnueabihf-g++ -mthumb -O2", false),
        ("arm-linux-gnueabihf-g++ -marm -O2 -fno-exceptions -DNONE -fpatchable-function-entry=1", false),
        ("aarch64-linux-gnu-g++ -O2 -fpatchable-function-entry=1", false),
        ("g++ -O2 -fpatchable-function-entry=5", false),
    ])
    func shiftedExceptionTables(_ command: String, _ isShifted: Bool) throws {
        let source = """
            struct Guard { volatile int *at; ~Guard() { *at = *at + 1; } };
            __attribute__((noinline)) int leaf(int a) {
            #ifndef NONE
                if (a > 3) throw a;
            #endif
                return a; }
            __attribute__((noinline)) int frame(int a) { volatile int n = 0; { Guard guard{&n}; n = n + leaf(a); } return n; }
            int main(int argc, char **) { return frame(argc); }
            """
        #expect(try Built.image(Built.program(source, command, suffix: "cpp")).hasShiftedExceptionTables == isShifted)
    }

    /// Only what is asked for is read.
    @Test func foreignProgramsAreStillForeign() throws {
        let path = try Built.program(Built.sample, "arm-linux-gnueabihf-gcc -O2 -fpatchable-function-entry=1")
        #expect(throws: ProgramError.foreignMachine(path: path, machine: "32-bit Arm")) {
            try ModuleImage.read(path: path)
        }
    }
}
