import ArgumentParser
import Control
import Glibc
import Programs
import TraceFormat

extension WhenFull: ExpressibleByArgument {
    public init?(argument: String) {
        switch argument {
        case "wait": self = .wait
        case "drop": self = .drop
        case "overwrite": self = .overwrite
        default: return nil
        }
    }

    public static var allValueStrings: [String] { ["wait", "drop", "overwrite"] }

    public var defaultValueDescription: String { "\(self)" }
}

struct RecordCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "record",
        abstract: "Run a program and record every call of its functions.",
        discussion: """
            The program must have been compiled with room for tracing: see 'nopal cflags'. Its \
            shared libraries are traced too where they have sites, also those that it opens later, \
            and so are the programs that it starts.

            -F chooses functions, -N leaves functions out; both may be given several times. A \
            GLOB may have * ? [...]; it is tried on the linkage name, on the demangled name, and on \
            that without parameters. What is not chosen is never patched: it costs its no-op.

            With --when-full wait, a thread that finds no room waits until some was written out; \
            nothing is lost. With drop, events are lost and counted. With overwrite, the last \
            events are kept and written when the program has ended: a flight recorder.

            With --target, a program for AArch64 or 32-bit Arm runs in qemu's emulator, and its trace opens here as any \
            other. 'nopal enable', 'disable' and 'status' work meanwhile; threads are never stopped.

            The exit status is the program's, or 128 + N when signal N ended it. When nopal itself \
            fails it is 125; 126 when the program cannot be traced; 127 when there is no such program.

            Examples:
              nopal record -- ./server --port 8080
              nopal record -F 'parse_*' -N '*_debug' -o parse.trace -- ./tool input.json
              nopal record --when-full overwrite --buffer 8M -- ./long-running
              nopal record --target qemu-aarch64 -L /usr/aarch64-linux-gnu -- ./arm-program
            """)

    @OptionGroup var recording: RecordingArguments

    @Option(
        help: ArgumentHelp(
            "Run a program of another instruction set in an emulator: qemu-aarch64 or qemu-arm.",
            valueName: "emulator"))
    var target: String?

    @Option(
        name: .customShort("L"),
        help: ArgumentHelp(
            "With --target: the folder that has the program's loader and libraries.", valueName: "folder"),
        completion: .directory)
    var sysroot: String?

    @Flag(help: "Run the program even when nothing in it can be traced.")
    var force = false

    @Argument(
        parsing: .postTerminator, help: ArgumentHelp("The program and its arguments, after --.", valueName: "program"))
    var command: [String] = []

    func validate() throws {
        guard !command.isEmpty else {
            throw ValidationError("no program to run: nopal record [options] -- PROGRAM [ARGUMENTS]")
        }
        if sysroot != nil && target == nil { throw ValidationError("-L goes with --target") }
    }

    func run() throws {
        let target = try findTarget()
        let program = try findProgram(target)
        let session: Session
        let outcome: SessionOutcome
        do {
            session = try Session(options(program, target))
            outcome = try session.run()
        } catch {
            throw Failure.say("\(error)", status: Failure.own)
        }
        withExtendedLifetime(session) { finish(outcome, program) }
    }

    private func finish(_ outcome: SessionOutcome, _ program: TraceableProgram) -> Never {
        if !outcome.wasTraced {
            Failure.remark("no agent answered from \(program.path): nothing was traced")
        }
        RecordingArguments.say(outcome)
        let status = programStatus(outcome.waitStatus ?? 0)
        // At once: everything is written, and taking modules apart is no use to anybody.
        _exit(status == 0 && (outcome.isIncomplete || !outcome.wasTraced) ? Failure.own : status)
    }

    private func findTarget() throws -> Target? {
        guard let name = target else { return nil }
        do { return try Target(name: name, sysroot: sysroot) } catch {
            throw Failure.say("\(error)", status: Failure.untraceable)
        }
    }

    private func findProgram(_ target: Target?) throws -> TraceableProgram {
        do {
            let program = try traceableProgram(
                command[0], accepting: target?.readable ?? [.x86_64], sysroot: target?.sysroot)
            do { try target?.check(program) } catch { throw Failure.say("\(error)", status: Failure.untraceable) }
            if !program.hasSites && !force {
                throw Failure.say(
                    program.notes.joined(separator: "; ") + " (--force runs it all the same)",
                    status: Failure.untraceable)
            }
            for note in program.notes { Failure.remark(note) }
            return program
        } catch let error as ProgramError {
            if case .noSuchProgram = error { throw Failure.say("\(error)", status: Failure.missing) }
            throw Failure.say(target?.sentence(on: error) ?? "\(error)", status: Failure.untraceable)
        }
    }

    private func options(_ program: TraceableProgram, _ target: Target?) throws -> SessionOptions {
        try recording.options(.program(executable: program.path, arguments: command), target: target)
    }

    private func programStatus(_ waitStatus: Int32) -> Int32 {
        waitStatus & 0x7f == 0 ? (waitStatus >> 8) & 0xff : 128 + (waitStatus & 0x7f)
    }
}

/// How the command fails: one sentence on standard error, and a status.
enum Failure {
    /// Nopal itself failed, as `env` and `timeout` have it.
    static let own: Int32 = 125
    static let untraceable: Int32 = 126
    static let missing: Int32 = 127

    static func remark(_ text: String) {
        let line = Array("nopal: \(text)\n".utf8)
        _ = line.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    static func say(_ text: String, status: Int32) -> ExitCode {
        remark(text)
        return ExitCode(status)
    }
}
