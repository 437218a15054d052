import Glibc
import MachineCode
import Programs
import TraceFormat

/// Makes a plan file: what an agent needs to trace a program where there is no host.
public struct Preparation {
    /// What is asked for.
    public struct Options {
        /// The program's file.
        public var program: String
        /// Where its libraries are looked for; nil for where Debian's cross compilers have them.
        public var sysroot: String?
        public var selection: Selection
        /// The options that chose functions, as typed.
        public var filterTexts: [String]
        public var bufferByteCount = 64 << 20
        public var whenFull = WhenFull.drop
        /// False: stubs ask the agent for the time, where user space may not read the counter.
        public var readsCounter = true
        public var windows: Windows?

        public init(program: String, sysroot: String?, selection: Selection, filterTexts: [String] = []) {
            self.program = program
            self.sysroot = sysroot
            self.selection = selection
            self.filterTexts = filterTexts
        }
    }

    /// Tracing that is switched off and on again by the agent.
    public struct Windows {
        public var onNanos: UInt64
        public var offNanos: UInt64
        /// How often; nil for ever.
        public var count: UInt32?
        /// See `Plan.storedTwice`.
        public var storesTwice = false

        public init(onNanos: UInt64, offNanos: UInt64, count: UInt32? = nil, storesTwice: Bool = false) {
            self.onNanos = onNanos
            self.offNanos = offNanos
            self.count = count
            self.storesTwice = storesTwice
        }
    }

    public let isa: InstructionSet
    /// Sites of the program and its libraries that the plan arms.
    public let siteCount: Int
    public let moduleCount: Int
    /// What a person should know.
    public let notes: [String]
    /// The agent's file that goes with it.
    public var agentName: String { Target.agentName(of: isa) }
    public var byteCount: Int { bytes.count }
    private let bytes: [UInt8]

    private struct Module {
        var image: ModuleImage
        var name: String
        var traced: TracedModule?

        var hasSites: Bool { !(traced?.sites.isEmpty ?? true) }
    }

    private static let readable: Set<InstructionSet> = [.a64, .a32]

    /// Throws: what `traceableProgram` throws; `.badFile` for what can't be prepared.
    public init(_ options: Options) throws {
        let modules = try Self.modules(options, Self.program(options))
        isa = modules[0].image.isa
        moduleCount = modules.count
        var writer = PlanWriter(options, moduleCount: modules.count)
        for (index, module) in modules.enumerated() {
            try writer.add(module.image, module.name, module.traced, at: index)
        }
        writer.finish(isa, moduleCount: modules.count)
        siteCount = writer.siteCount
        notes = writer.notes
        bytes = writer.contents.bytes
    }

    private static func program(_ options: Options) throws -> TraceableProgram {
        // It is a file, of another machine: not something to look for along PATH.
        let path = options.program.contains("/") ? options.program : "./\(options.program)"
        let program = try traceableProgram(path, accepting: readable, sysroot: options.sysroot)
        guard program.loader != nil, program.executable == program.path else {
            throw ControlError.badFile("\(program.path): a script; prepare the program that runs it")
        }
        return program
    }

    /// The program, with or without sites: by it the agent knows whether the plan is meant; then libraries that have some.
    private static func modules(_ options: Options, _ program: TraceableProgram) throws -> [Module] {
        let image = try ModuleImage.read(path: program.path, accepting: readable)
        let functions = FunctionTable(selection: options.selection)
        var modules = [Module(image: image, name: lastPart(realPath(program.path)), traced: functions.add(image))]
        let libraries = try linkedLibraries(
            of: program.path, accepting: [image.isa], sysroot: options.sysroot ?? Target.sysroot(of: image.isa))
        for library in libraries {
            guard let image = try? ModuleImage.read(path: library.path, accepting: [image.isa]) else { continue }
            let module = Module(image: image, name: library.name, traced: functions.add(image))
            if module.hasSites { modules.append(module) }
        }
        guard modules.contains(where: \.hasSites) else {
            throw ControlError.badFile(
                program.notes.first ?? "\(program.path): no function that can be traced matches -F and -N")
        }
        return modules
    }

    private static func realPath(_ path: String) -> String {
        guard let resolved = unsafe realpath(path, nil) else { return path }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    private static func lastPart(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }

    /// Throws: `.badFile` when it can't be written.
    public func write(to path: String) throws(ControlError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw .badFile("cannot create \(path): \(String(cString: strerror(errno))); choose another place with -o")
        }
        defer { close(descriptor) }
        guard MemoryFile.write(bytes, descriptor, at: 0) else {
            throw .badFile("cannot write \(path): \(String(cString: strerror(errno)))")
        }
    }
}
