import ArgumentParser

enum Compiler: String, CaseIterable, ExpressibleByArgument {
    case gcc, clang
}

enum Architecture: String, CaseIterable, ExpressibleByArgument {
    case x86_64 = "x86-64"
    case aarch64
    case arm
    case thumb
}

struct CflagsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cflags",
        abstract: "Print what to compile with.",
        discussion: """
            Prints compiler flags alone, so that they can be put into a build:

                make CFLAGS="-O2 $(nopal cflags)" CXXFLAGS="-O2 $(nopal cflags)"

            The flags leave a few no-op bytes at each function's entry and change nothing else: no
            library is linked, and the program runs without Nopal as before.
            """)

    @Option(help: "The compiler: gcc or clang.") var cc: Compiler = .gcc
    @Option(help: "What the program runs on: x86-64, aarch64, arm or thumb.") var isa: Architecture = .x86_64
    @Flag(help: "Print an object with the flags and what is behind them.") var json = false
    @Flag(help: "Say what each flag is for, and why there are no others.") var explain = false

    func run() throws {
        let advice = CompilerAdvice(compiler: cc, isa: isa)
        if json {
            try JSONOutput.write(
                CflagsReport(
                    cc: cc.rawValue, isa: isa.rawValue, flags: advice.flags, explanation: advice.explanation,
                    warning: advice.warning))
            return
        }
        print(advice.flags.joined(separator: " "))
        if explain {
            for sentence in advice.explanation { print("# \(sentence)") }
        }
        if let warning = advice.warning { Failure.remark("note: \(warning)") }
    }
}

private struct CflagsReport: Encodable {
    var cc: String
    var isa: String
    var flags: [String]
    var explanation: [String]
    var warning: String?
}

/// The flags for one compiler and instruction set, with their reasons.
struct CompilerAdvice {
    var flags: [String]
    var explanation: [String]
    var warning: String?

    init(compiler: Compiler, isa: Architecture) {
        switch (isa, compiler) {
        case (.x86_64, _):
            flags = ["-fpatchable-function-entry=5"]
            explanation = ["-fpatchable-function-entry=5: five bytes of NOP at each entry, the size of a jump."]
        case (.aarch64, _):
            flags = ["-fpatchable-function-entry=1"]
            explanation = ["-fpatchable-function-entry=1: one NOP at each entry, the size of a branch."]
        case (.arm, .gcc):
            flags = ["-fpatchable-function-entry=1", "-marm"]
            explanation = [
                "-fpatchable-function-entry=1: one NOP at each entry, the size of a branch.",
                "-marm: A32 code; ask for --isa thumb for Thumb-2.",
            ]
            warning = Self.exceptionTables
        case (.thumb, .gcc):
            flags = ["-fpatchable-function-entry=3", "-mthumb"]
            explanation = [
                "-fpatchable-function-entry=3: three 16-bit NOPs at each entry, a short branch and a long one.",
                "-mthumb: Thumb-2 code; ask for --isa arm for A32.",
            ]
            warning = Self.exceptionTables
        case (.arm, .clang), (.thumb, .clang):
            flags = ["-pg", "-meabi", "gnu", isa == .arm ? "-marm" : "-mthumb"]
            explanation = [
                "-pg: clang rejects -fpatchable-function-entry for 32-bit Arm; Nopal slides the prologue over the call.",
                "-meabi gnu: the call is that of __gnu_mcount_nc, which keeps what the caller has in lr.",
            ]
        }
        explanation += [
            "No -g: names come from the symbol table. Add it for source lines in `nopal sites`.",
            "No -fno-omit-frame-pointer: Nopal's stubs unwind by tables and need no frame pointers.",
            "No -O: Nopal traces what is there; a function that was inlined has no entry to trace.",
        ]
    }

    /// gcc 12 counts exception tables from behind the NOPs, but lays .fnstart before them.
    private static let exceptionTables =
        "for C++ on 32-bit Arm use -pg instead: with -fpatchable-function-entry gcc 12 writes exception tables that abort on throw"
}
