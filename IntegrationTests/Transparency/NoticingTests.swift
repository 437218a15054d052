import Foundation
import ProcessSupport
import Testing

/// What a program can see of itself is what it sees untraced, and what it does to itself does not
/// stop the recording.
@Suite struct NoticingTests {
    static let parts = [
        "environment", "kernel_environment", "child_environment", "descriptors", "child_descriptors",
        "identity", "signals", "error_numbers", "blocking",
    ].map { TracedProgram(name: "notices", arguments: [$0], hasHelper: true) }

    @Test(arguments: parts)
    func programSeesTheSame(_ program: TracedProgram) throws {
        try Verification(program).check()
    }

    /// A library that the user preloads stays preloaded, first in line and with the same text.
    @Test(arguments: ["environment", "child_environment"])
    func preloadedLibraryIsKept(_ part: String) throws {
        let build = try Compiler.build(
            "preloaded", [["gcc", "-shared", "-fPIC", "-O2", "{source}/preloaded.c", "-o", "preloaded.so"]])
        var program = TracedProgram(name: "notices", arguments: [part])
        program.environment["LD_PRELOAD"] = build.appendingPathComponent("preloaded.so").path
        try Verification(program).check()
    }

    /// What the program inherits from whoever started `nopal` is what it would have inherited.
    @Test(arguments: ["signals", "identity", "child_descriptors"])
    func inheritedSettingsAreKept(_ part: String) throws {
        var program = TracedProgram(name: "notices", arguments: [part], hasHelper: true)
        program.limits.ignored_signals = [SIGINT, SIGQUIT, SIGPIPE, SIGHUP, SIGUSR1].reduce(0) { $0 | 1 << UInt64($1) }
        program.limits.blocked_signals = 1 << UInt64(SIGUSR2) | 1 << UInt64(SIGWINCH)
        program.limits.descriptor_soft_limit = 512
        try Verification(program).check()
    }

    static let ways = [
        "close_each", "close_range", "reuse_descriptors", "without_standard_files", "daemonizes",
        "changes_root", "drops_privileges", "small_signal_stack", "small_thread_stack", "blocks_signals",
        "handles_signals", "ignores_signals", "limits", "many_openings",
    ].map { TracedProgram(name: "survives", arguments: [$0]) }

    @Test(arguments: ways)
    func recordingSurvives(_ program: TracedProgram) throws {
        try Verification(program).check()
    }
}
