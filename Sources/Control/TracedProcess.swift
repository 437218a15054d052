import CSupport
import Glibc
import Programs
import Stubs
import TraceFormat

/// One process of a session: its connection, and arming what it maps.
final class TracedProcess {
    let connection: Connection
    let process: UInt32
    let parent: UInt32
    let isFork: Bool
    /// Tasks when the agent said hello; 0 when they could not be counted (no /proc).
    private let taskCount: UInt64
    private var agent: AgentAddresses
    private var pending: [LoadedModule] = []
    private var hasUnwinder = false
    private var isStarted = false
    private var tracedModules: [UInt64: UInt32] = [:]

    private struct LoadedModule {
        var bias: UInt64
        var dynamic: UInt64
        var path: String
    }

    /// Takes the `hello` of a new connection.
    init(connection: Connection, hello: Packet) throws(ControlError) {
        guard hello.kind == .hello, hello.text.count >= 24 else { throw .badMessage("no hello") }
        guard hello.fields[0] == AgentMessage.version else {
            throw .badMessage("version \(hello.fields[0]), not \(AgentMessage.version)")
        }
        // Thread-local storage lies below the thread pointer, and the fields' offsets must fit as well.
        guard let offset = Int32(exactly: Int64(bitPattern: hello.fields[3])), offset < 0 else {
            throw .badMessage("offset")
        }
        self.connection = connection
        process = UInt32(truncatingIfNeeded: hello.fields[1])
        parent = UInt32(truncatingIfNeeded: hello.fields[2])
        var text = ByteReader(hello.text)
        let personality = (try? text.fixed(UInt64.self)) ?? 0
        isFork = ((try? text.fixed(UInt64.self)) ?? 0) != 0
        taskCount = (try? text.fixed(UInt64.self)) ?? 0
        agent = AgentAddresses(
            enter: hello.fields[4], record: hello.fields[5], leave: hello.fields[6], personality: personality,
            state: ThreadStateLayout(base: offset))
    }

    func noteModule(_ packet: Packet) {
        let path = String(decoding: packet.text, as: UTF8.self)
        pending.append(LoadedModule(bias: packet.fields[0], dynamic: packet.fields[1], path: path))
    }

    /// A module is gone; returns its number if it was traced.
    func noteGone(_ packet: Packet) -> UInt32? { tracedModules.removeValue(forKey: packet.fields[0]) }

    /// Arms the modules noted since the last time, and answers.
    func arm(_ session: SessionModules) {
        var answer = ArmedAnswer(isFirst: !isStarted)
        let maps = (try? ProcessMaps.read(process: pid_t(bitPattern: process))) ?? []
        var taken = maps
        var traced: [(module: TracedModule, loaded: LoadedModule)] = []
        // The loader's order: the first module with an unwinder is the one that is used.
        for loaded in pending {
            guard let path = filePath(loaded, maps), session.mayMatter(path),
                let module = session.modules.module(path: path)
            else { continue }
            answer.look(at: module.image, bias: loaded.bias, dynamic: loaded.dynamic, hasUnwinder: &hasUnwinder)
            if let module = module.traced { traced.append((module, loaded)) }
        }
        // LLVM's libunwind tells frames apart by their stack pointer, and a stub's is its caller's:
        // it would take a stub with a personality for the frame that catches.
        if answer.isUnwinderOfLLVM { agent.personality = 0 }
        // Arming at the start stores plainly into code that nobody else may run. Modules that come
        // later are armed before dlopen returns, when no other thread can reach them.
        if !isStarted && taskCount > 1 && !traced.isEmpty {
            session.notes.append(
                "process \(process) had \(taskCount) threads before nopal could arm it; what it had loaded is not traced"
            )
            traced = []
        }
        for (module, loaded) in traced {
            session.write(module)
            arm(module, loaded, session, &taken)
        }
        pending = []
        isStarted = true
        connection.send(answer.packet)
    }

    /// The file of a module: its path as this host sees it.
    private func filePath(_ loaded: LoadedModule, _ maps: [MapEntry]) -> String? {
        if loaded.path.isEmpty { return ProcessNames.executable(process) }
        if loaded.path.hasPrefix("/") { return loaded.path }
        // A relative name (dlopen("./x.so")), or the vdso: ask the kernel what is mapped there.
        guard let entry = maps.first(where: { $0.start <= loaded.dynamic && loaded.dynamic < $0.end }) else {
            return nil
        }
        return entry.path.hasPrefix("/") ? entry.path : nil
    }

    private func arm(
        _ module: TracedModule, _ loaded: LoadedModule, _ session: SessionModules, _ maps: inout [MapEntry]
    ) {
        session.output.append(
            LoadRecord(process: process, moduleIndex: module.index, bias: loaded.bias, tick: nopal_ticks()))
        tracedModules[loaded.bias] = module.index
        for range in module.image.textRanges {
            let isWhole = module.image.textRanges.count == 1
            let sites = isWhole ? module.sites : module.sites.filter { range.contains($0.patch.address) }
            guard !sites.isEmpty else { continue }
            do {
                try arm(sites, of: module, in: range, bias: loaded.bias, session, &maps)
            } catch {
                session.notes.append("\(module.image.path): \(error)")
            }
        }
    }

    private func arm(
        _ sites: [TracedModule.TracedSite], of module: TracedModule, in range: Range<UInt64>, bias: UInt64,
        _ session: SessionModules, _ maps: inout [MapEntry]
    ) throws {
        let byteCount = UInt64(Arena.byteCount(siteCount: sites.count))
        let text = (range.lowerBound &+ bias) & ~4095..<((range.upperBound &+ bias) + 4095) & ~4095
        guard let address = ArenaPlacement.choose(byteCount: byteCount, near: text, maps: maps) else {
            throw ControlError.noArena(module: module.image.path, byteCount: Int(byteCount))
        }
        let bundle = try BundleFile(
            sites: sites, text: text, bias: bias, arenaAddress: address, agent: agent,
            depthLimited: session.depthLimit != nil)
        connection.send(bundle.message, descriptor: bundle.descriptor)
        close(bundle.descriptor)
        maps.append(MapEntry(start: address, end: address + byteCount, permissions: "r-xs", offset: 0, path: ""))
        maps.sort { $0.start < $1.start }
    }
}

/// What the processes of a session share.
final class SessionModules {
    let modules: ModuleCache
    let output: TraceOutput
    let depthLimit: Int?
    var notes: [String] = []
    private let agentPath: String
    private var writtenModules: Set<UInt32> = []

    init(modules: ModuleCache, output: TraceOutput, depthLimit: Int?, agentPath: String) {
        self.modules = modules
        self.output = output
        self.depthLimit = depthLimit
        self.agentPath = agentPath
    }

    /// False for the agent itself and the loader, which have nothing that a session needs.
    func mayMatter(_ path: String) -> Bool {
        path != agentPath && !(path.split(separator: "/").last ?? "").hasPrefix("ld-linux")
    }

    /// Writes a module's record, once, before its first load.
    func write(_ module: TracedModule) {
        if writtenModules.insert(module.index).inserted { output.append(module.record) }
    }
}

/// Collects what message `armed` tells the agent about its process.
private struct ArmedAnswer {
    let isFirst: Bool
    private var execve: UInt64 = 0
    private var forks: [UInt64] = [0, 0, 0]
    private var registerFrame: UInt64 = 0
    private var deregisterFrame: UInt64 = 0
    private var takesStorage = false
    private(set) var isUnwinderOfLLVM = false
    private var getRegister: UInt64 = 0
    private var lateDynamic: UInt64 = 0
    private var lateBias: UInt64 = 0

    init(isFirst: Bool) { self.isFirst = isFirst }

    mutating func look(at image: ModuleImage, bias: UInt64, dynamic: UInt64, hasUnwinder: inout Bool) {
        let name = image.path.split(separator: "/").last ?? ""
        if isFirst, name.hasPrefix("libc.so") || name.hasPrefix("libc-") || name.hasPrefix("ld-musl"),
            let address = image.exportedFunction("execve")
        {
            execve = address &+ bias
            forks = ["clone", "syscall", "_Fork"].map { name in
                image.exportedFunction(name).map { $0 &+ bias } ?? 0
            }
        }
        if !hasUnwinder { lookForUnwinder(image, bias, dynamic, &hasUnwinder) }
    }

    private mutating func lookForUnwinder(
        _ image: ModuleImage, _ bias: UInt64, _ dynamic: UInt64, _ hasUnwinder: inout Bool
    ) {
        guard let get = image.exportedFunction("_Unwind_GetGR") else { return }
        let withStorage = image.exportedFunction("__register_frame_info")
        // LLVM's `__register_frame` takes one FDE and no table; libgcc's takes a table.
        let section = image.exportedFunction("__unw_add_dynamic_eh_frame_section")
        isUnwinderOfLLVM = section != nil
        guard let register = section ?? withStorage ?? image.exportedFunction("__register_frame") else { return }
        hasUnwinder = true
        takesStorage = withStorage != nil && section == nil
        registerFrame = register &+ bias
        let undo =
            section != nil
            ? "__unw_remove_dynamic_eh_frame_section"
            : withStorage != nil ? "__deregister_frame_info" : "__deregister_frame"
        deregisterFrame = image.exportedFunction(undo).map { $0 &+ bias } ?? 0
        getRegister = get &+ bias
        if !isFirst { (lateDynamic, lateBias) = (dynamic, bias) }
    }

    var packet: Packet {
        var text = ByteWriter()
        for address in forks + [deregisterFrame] { text.fixed(address) }
        return Packet(
            .armed,
            [execve, registerFrame, getRegister, isFirst ? 1 : 0, lateDynamic, takesStorage ? 1 : 0, lateBias],
            text: text.bytes)
    }
}
