import ArgumentParser
import Control
import Programs
import TraceFormat

struct PrepareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prepare",
        abstract: "Make the plan by which a program is traced on a board, without Nopal there.",
        discussion: """
            For programs of AArch64 and 32-bit Arm. Stubs and plans are made here, from the program's files; on the board \
            the agent alone, preloaded, finds the modules, arms them, and writes events to a file. 'nopal collect' makes \
            the trace of it, here.

            The agent is libnopal-agent-aarch64.so or libnopal-agent-arm.so, beside the command or in lib/nopal. The unwinder \
            of libgcc_s.so.1 has to be loaded with it, so that it knows the stubs from the beginning. \
            The events' file is nopal.PID.events in the working directory, or in the folder that NOPAL_EVENTS names. It has \
            the events however the process ends. The plan is meant for one build of the program and its libraries; \
            others that are started meanwhile run as they are. Children that were forked write to the same file; \
            those of _Fork, clone and raw system calls are not told apart from their parents.

            To a program that runs there already, nopal-attach-aarch64 or nopal-attach-arm attaches, beside the agent: \
            './nopal-attach-arm -p PID prog.plan libnopal-agent-arm.so'. Its threads are stopped for some milliseconds.

            When the room is used up, later events are lost and counted (drop), or the oldest are given up \
            (overwrite). Libraries that are opened later are not traced.

            With --on and --off the agent switches all sites off and on again by itself, while every thread runs: ten \
            milliseconds of each second are a picture of a day that costs next to nothing.

            Examples:
              nopal prepare -L sysroot -o prog.plan prog
              scp prog.plan libnopal-agent-aarch64.so board:
              NOPAL_PLAN=prog.plan LD_PRELOAD=./libnopal-agent-aarch64.so:libgcc_s.so.1 ./prog    (on the board)
              nopal collect prog.plan nopal.1234.events -o prog.trace

            The exit status is 126 when the program can't be traced, 127 when there is none.
            """)

    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: ArgumentHelp("Where to write the plan.", valueName: "file"), completion: .file())
    var output = "nopal.plan"

    @Option(
        name: .customShort("L"),
        help: ArgumentHelp("The folder that has the board's libraries.", valueName: "folder"), completion: .directory)
    var sysroot: String?

    @OptionGroup var functions: SelectionArguments

    @Option(help: ArgumentHelp("The size of the events' file: 512K, 64M, 1G.", valueName: "size"))
    var buffer = ByteSize(byteCount: 64 << 20)

    @Option(help: "What a thread does when no room is left: drop or overwrite.")
    var whenFull = WhenFull.drop

    @Option(help: "What stubs read the time from: the counter, or a call where user space may not read it.")
    var clock = ClockChoice.counter

    @Option(help: ArgumentHelp("Trace for so long, then pause for --off: 500us, 10ms, 2s.", valueName: "time"))
    var on: TimeSpan?

    @Option(help: ArgumentHelp("Pause for so long, then trace for --on.", valueName: "time"))
    var off: TimeSpan?

    @Option(help: ArgumentHelp("Pause so often, then trace on; for ever without.", valueName: "count"))
    var times: UInt32?

    @Flag(help: "Store what switches a site twice: for boards in qemu's full emulation, which may miss a store.")
    var storeTwice = false

    @Argument(help: ArgumentHelp("The program's file.", valueName: "program"), completion: .file())
    var program: String

    enum ClockChoice: String, ExpressibleByArgument, CaseIterable { case counter, call }

    func validate() throws {
        if whenFull == .wait { throw ValidationError("--when-full wait: nobody writes the events out there") }
        if (on == nil) != (off == nil) { throw ValidationError("--on and --off go together") }
        if storeTwice && on == nil { throw ValidationError("--store-twice goes with --on and --off") }
        if times != nil && on == nil { throw ValidationError("--times goes with --on and --off") }
        if times == 0 { throw ValidationError("--times 0: leave --on and --off out to trace all the time") }
        if buffer.byteCount < 256 << 10 { throw ValidationError("--buffer: at least 256K are needed") }
        if buffer.byteCount > 64 << 30 { throw ValidationError("--buffer: more than 64G cannot be had") }
    }

    func run() throws {
        var options = Preparation.Options(
            program: program, sysroot: sysroot, selection: functions.selection, filterTexts: functions.texts)
        options.bufferByteCount = buffer.byteCount
        options.whenFull = whenFull
        options.readsCounter = clock == .counter
        if let on, let off {
            options.windows = Preparation.Windows(
                onNanos: on.nanos, offNanos: off.nanos, count: times, storesTwice: storeTwice)
        }
        do {
            let preparation = try Preparation(options)
            try preparation.write(to: output)
            for note in preparation.notes { Failure.remark(note) }
            let libraries = preparation.moduleCount - 1
            print(
                "\(output): \(preparation.siteCount) \(preparation.siteCount == 1 ? "site" : "sites") of the program and \(libraries) "
                    + "\(libraries == 1 ? "library" : "libraries"), \(preparation.byteCount) bytes")
            print("NOPAL_PLAN=\(output) LD_PRELOAD=./\(preparation.agentName):libgcc_s.so.1 \(program)")
        } catch ProgramError.noSuchProgram(let name, let isPath) {
            throw Failure.say("\(ProgramError.noSuchProgram(name, isPath: isPath))", status: Failure.missing)
        } catch let error as ControlError {
            throw Failure.say("\(error)", status: Failure.untraceable)
        } catch let error as ProgramError {
            throw Failure.say(Self.sentence(error), status: Failure.untraceable)
        }
    }
}

extension PrepareCommand {
    private static func sentence(_ error: ProgramError) -> String {
        guard case .foreignMachine(let path, let machine) = error else { return "\(error)" }
        if machine == "x86-64" { return "\(path): built for \(machine), where Nopal itself runs: use 'nopal record'" }
        return "\(path): built for \(machine); plans are made for AArch64 and 32-bit Arm, little-endian"
    }
}

/// A time as a person types it: `500us`, `10ms`, `2s`, or plain seconds.
struct TimeSpan: ExpressibleByArgument {
    var nanos: UInt64

    init?(argument: String) {
        let units: [(String, Double)] = [("ns", 1), ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("", 1e9)]
        guard let (suffix, unit) = units.first(where: { argument.hasSuffix($0.0) }),
            let number = Double(argument.dropLast(suffix.count)), number >= 0, number * unit < 1e18
        else { return nil }
        nanos = UInt64(number * unit)
    }
}
