import Foundation
import ProcessSupport
import Testing

/// A program of `Programs/`, one way to compile it, and what it is run with.
struct TracedProgram: Sendable, CustomTestStringConvertible {
    /// The source's name without its suffix.
    var name: String
    var isCxx = false
    var variant: Variant = .gccO2
    /// After the account's path, which is always argv[1].
    var arguments: [String] = []
    var compileFlags: [String] = []
    /// `name.lib.c(pp)` is compiled to `name.so`; linked with the program, or its path handed over.
    var library: Library = .none
    /// `name.helper.c` is compiled to a static `name.helper`, uninstrumented.
    var hasHelper = false
    var ending: Ending = .exited(0)
    var entryOnly: Set<String> = []
    /// A part of the name of functions that the compiler or a header brings.
    var uncounted: [String] = []
    var untraceable: [Variant: Set<String>] = [:]
    var addsUnwoundAndOpen = false
    /// False where only behaviour is compared, because the program cannot count.
    var countsItself = true
    var recordOptions: [String] = []
    /// Traced by a plan of `nopal prepare`, without a host.
    var isStandalone = false
    var environment: [String: String] = [:]
    /// What it inherits.
    var limits = process_limits()

    enum Library: Sendable { case none, linked, opened }

    var testDescription: String {
        ([name, variant.rawValue] + arguments + recordOptions + (isStandalone ? ["alone"] : [])).joined(separator: " ")
    }

    private var suffix: String { isCxx ? "cpp" : "c" }

    /// The same without a host.
    var alone: TracedProgram {
        var copy = self
        copy.isStandalone = true
        return copy
    }

    /// One for each variant.
    func built(_ variants: [Variant]) -> [TracedProgram] {
        variants.map { variant in
            var copy = self
            copy.variant = variant
            return copy
        }
    }

    /// Compiles it, and returns the directory that holds `name` and `name.so`.
    func build() throws -> URL {
        let compiler = variant.compiler(isCxx: isCxx)
        let common = ["-g", "-Wall", "-Wno-infinite-recursion"] + (isCxx ? ["-std=c++20"] : []) + compileFlags
        let position = variant.isFixed ? ["-fno-pie"] : ["-fPIC"]
        let plain = variant.target.map { $0.prefix + "gcc" } ?? "gcc"
        var commands = [[plain, "-O2", "-g", "-fPIC", "-c", "{source}/count.c", "-o", "count.o"]]
        commands.append(
            [compiler] + common + variant.compileFlags + position + [
                "-c", "{source}/\(name).\(suffix)", "-o", "\(name).o",
            ])
        var linked =
            [compiler, "-rdynamic", "\(name).o", "count.o", "-o", name, "-pthread", "-ldl", "-lm"] + variant.linkFlags
        linked += compileFlags.filter { $0.contains("lib=") }
        if library != .none {
            let pieces = variant == .gccFentryNop ? Variant.gccFentry.compileFlags : variant.compileFlags
            commands.append(
                [compiler] + common + pieces + ["-fPIC", "-c", "{source}/\(name).lib.\(suffix)", "-o", "library.o"])
            commands.append([
                variant.isClang && variant.target != nil ? plain : compiler, "-shared", "library.o", "-o", "\(name).so",
            ])
        }
        if hasHelper {
            commands.append([plain, "-O2", "-static", "{source}/\(name).helper.c", "-o", "\(name).helper"])
        }
        if library == .linked { linked += ["-Wl,-rpath,$ORIGIN", "\(name).so"] }
        commands.append(linked)
        return try Compiler.build("\(name)-\(variant.rawValue)", commands)
    }

    func programArguments(_ build: URL) -> [String] {
        ["account"] + (library == .opened ? [build.appendingPathComponent("\(name).so").path] : []) + arguments
    }
}
