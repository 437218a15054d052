import Foundation
import Programs
import Testing

/// A generator that gives the same numbers on every run.
struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// Damaged files give an error or a result, never a crash.
@Suite struct MalformedFileTests {
    static let commands = [
        "gcc -O2 -fpatchable-function-entry=5", "gcc -O2 -pg", "clang-19 -O2 -pg -mfentry -fcf-protection=full",
        "gcc -O2 -shared -fPIC -fpatchable-function-entry=7,2 -s",
    ]

    @Test(arguments: commands)
    func flippedBits(command: String) throws {
        let whole = try Data(contentsOf: URL(fileURLWithPath: Built.program(Built.sample, command)))
        var random = Seeded(state: UInt64(command.count))
        let path = Built.folder.appendingPathComponent(UUID().uuidString)
        var outcomes = [0, 0]
        for round in 0..<1000 {
            var damaged = whole
            // Headers and tables are small beside the rest: half of the damage goes there.
            let ranges = [0..<64, 64..<1024, (whole.count - 2048)..<whole.count, 0..<whole.count]
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                damaged[Int.random(in: ranges[round % 4], using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            try damaged.write(to: path)
            outcomes[survives(path.path) ? 1 : 0] += 1
        }
        // Both happen, so both were tried.
        #expect(outcomes.allSatisfy { $0 > 0 }, "\(outcomes)")
    }

    @Test func truncated() throws {
        let whole = try Data(contentsOf: URL(fileURLWithPath: Built.program(Built.sample, Self.commands[0])))
        let path = Built.folder.appendingPathComponent(UUID().uuidString)
        for count in Array(0..<200) + Array(stride(from: 200, to: whole.count, by: 61)) {
            try whole.prefix(count).write(to: path)
            _ = survives(path.path)
        }
        try whole.prefix(63).write(to: path)
        #expect(throws: ProgramError.malformed(path: path.path, what: "it ends within its header")) {
            try ModuleImage.read(path: path.path)
        }
    }

    /// Reads the file as far as it goes; whether it was taken for a module.
    private func survives(_ path: String) -> Bool {
        guard let image = try? ModuleImage.read(path: path) else { return false }
        _ = image.exportedFunction("main")
        _ = image.allFunctions()
        return true
    }

    @Test func sentences() throws {
        func error(_ path: String) -> ProgramError? {
            do { _ = try ModuleImage.read(path: path) } catch { return error }
            return nil
        }
        let text = Built.folder.appendingPathComponent("text").path
        try "hello".write(toFile: text, atomically: true, encoding: .utf8)
        #expect(error(text) == .notELF(path: text))
        #expect(error("/nowhere/at/all") == .noSuchProgram("/nowhere/at/all", isPath: true))
        #expect(error("/tmp") == .cannotOpen(path: "/tmp", reason: "not a regular file"))
        let object = try Built.program("int f(void) { return 1; }", "gcc -c")
        #expect(error(object) == .notLinked(path: object, what: "an object file"))
        let foreign = try Built.program(
            "void _start(void) {}", "clang-19 --target=aarch64-linux-gnu -nostdlib -fuse-ld=lld")
        #expect(error(foreign) == .foreignMachine(path: foreign, machine: "AArch64"))
    }
}
