import Foundation
import Testing

/// The agents of the Arm sets, as libraries; and targets that can't be used.
@Suite struct ArmAgentTests {
    static let agents = ["aarch64", "arm"]

    private func agent(_ name: String) -> String {
        URL(fileURLWithPath: Locations.agent).deletingLastPathComponent()
            .appendingPathComponent("libnopal-agent-\(name).so").path
    }

    private func output(_ tool: String, _ arguments: [String]) throws -> String {
        let program = try #require(Compiler.find(tool), "\(tool) is not installed: scripts/setup test")
        let place = try Locations.freshDirectory("arm-agent")
        let result = try ProcessRun(program: program, arguments: arguments, directory: place).run()
        try #require(result.ending == .exited(0), "\(result.command)\n\(result.errors)")
        try FileManager.default.removeItem(at: place)
        return result.output
    }

    /// Names that it exports, or asks for: nothing of libc that is not weak, no malloc.
    @Test(arguments: agents) func names(_ name: String) throws {
        let allowed: Set<String> = [
            "__register_atfork", "_r_debug", "dl_iterate_phdr", "getauxval", "pthread_create", "pthread_detach",
            "__register_frame_info", "__deregister_frame_info", "_Unwind_GetGR", "_Unwind_VRS_Get", "_Unwind_VRS_Set",
            "__libc_single_threaded",
        ]
        for line in try output("llvm-nm-19", ["-D", agent(name)]).split(separator: "\n") {
            let parts = line.split(separator: " ")
            let symbol = String(try #require(parts.last))
            if parts.count == 2 {
                #expect(parts[0] == "w" && allowed.contains(symbol), "\(line)")
            } else {
                #expect(symbol.hasPrefix("nopal_") || name == "arm" && symbol == "__gnu_Unwind_Find_exidx", "\(line)")
            }
        }
    }

    /// At most 64 KiB of text.
    @Test(arguments: agents) func textIsSmall(_ name: String) throws {
        let sections = try output("llvm-size-19", ["-A", agent(name)]).split(separator: "\n")
        let text = try #require(sections.first { $0.hasPrefix(".text ") })
        let byteCount = try #require(text.split(separator: " ").dropFirst().first.flatMap { Int($0) })
        #expect(byteCount > 4096 && byteCount <= 64 << 10, "\(byteCount)")
    }

    /// Its slow paths save general registers only.
    @Test(arguments: agents) func touchesNoVectorRegister(_ name: String) throws {
        let assembly = try output("llvm-objdump-19", ["-d", "--no-show-raw-insn", agent(name)])
        try #require(assembly.contains("<nopal_enter"))
        let guilty = assembly.split(separator: "\n").filter { line in
            let operands = line.split(separator: "\t").dropFirst(2).joined(separator: " ")
            return operands.firstMatch(of: /\b[vqds][0-9]+(\.|\b)/) != nil
                || line.firstMatch(of: /\tv(ld|st|mov|push|pop)/) != nil
        }
        #expect(guilty == [])
    }

    private func record(_ arguments: [String], _ program: String) throws -> RunResult {
        let place = try Locations.freshDirectory("bad-target")
        return try ProcessRun(
            program: Locations.nopal, arguments: ["record", "-o", "trace"] + arguments + ["--", program],
            directory: place
        ).run()
    }

    private func expect(_ result: RunResult, _ words: [String]) {
        #expect(result.ending == .exited(126), "\(result.command)\n\(result.errors)")
        for word in words { #expect(result.errors.contains(word), "\(word): \(result.errors)") }
        #expect(result.errors.split(separator: "\n").count == 1 && result.output.isEmpty)
    }

    private func build(_ name: String, _ command: [String]) throws -> String {
        try Compiler.build("target-\(name)", [command + ["{source}/deep.c", "-c", "-o", "deep.o"]])
            .appendingPathComponent("deep.o").path
    }

    @Test func unusableTargets() throws {
        var program = TracedProgram(name: "tailcalls", variant: .a64O2)
        let a64 = try program.build().appendingPathComponent("tailcalls").path
        program.variant = .t32O2
        let arm = try program.build().appendingPathComponent("tailcalls").path
        program.variant = .gccO2
        let host = try program.build().appendingPathComponent("tailcalls").path
        expect(try record([], a64), ["built for AArch64", "--target qemu-aarch64"])
        expect(try record([], arm), ["built for 32-bit Arm", "--target qemu-arm"])
        expect(try record(["--target", "qemu-arm"], a64), ["built for AArch64", "--target says 32-bit Arm"])
        expect(try record(["--target", "qemu-aarch64"], arm), ["built for 32-bit Arm", "--target says AArch64"])
        expect(try record(["--target", "qemu-aarch64"], host), ["built for", "--target says AArch64"])
        expect(try record(["--target", "qemu-m68k"], a64), ["qemu-m68k", "qemu-aarch64 or qemu-arm"])
        expect(try record(["--target", "/nonexistent/qemu-arm"], arm), ["no such emulator", "qemu-user"])
        expect(
            try record(["--target", "qemu-arm", "-L", "/nonexistent"], arm), ["/nonexistent", "libc6-dev-armhf-cross"])
        // A folder, but not one with its loader.
        expect(try record(["--target", "qemu-arm", "-L", "/tmp"], arm), ["ld-linux-armhf.so.3", "-L"])
    }

    /// Soft floating point against hard: another loader, which is not there.
    @Test func softFloat() throws {
        let build = try Compiler.build(
            "target-soft",
            [
                [
                    "arm-linux-gnueabihf-gcc", "-mfloat-abi=soft", "-nostdlib", "-pie", "-fPIE", "-O2",
                    "-fpatchable-function-entry=1", "-marm", "-Wl,--dynamic-linker=/lib/ld-linux.so.3",
                    "{source}/../Arm/bare.c", "-o", "bare",
                ]
            ])
        expect(
            try record(["--target", "qemu-arm"], build.appendingPathComponent("bare").path),
            ["ld-linux.so.3", "soft floating point", "-mfloat-abi=hard"])
    }
}
