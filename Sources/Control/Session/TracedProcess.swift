import CSupport
import Glibc
import MachineCode
import Patching
import Programs
import Stubs
import TraceFormat

/// One process of a session: its connection, what it has mapped, and where the agent's parts lie in it.
package final class TracedProcess {
    let connection: Connection
    let process: UInt32
    let parent: UInt32
    let origin: AgentOrigin
    private(set) var agent: AgentAddresses
    /// The agent's code for each hooked function, in the order of `HookedFunction`.
    private let hookCode: [UInt64]
    /// Where the loader's `_dl_debug_state` stands; 0 where it is not known.
    private let loaderBreak: UInt64
    /// Address of the agent's u32 that is 1 while the process records.
    let recordingFlag: UInt64
    /// Tasks when the agent said hello; 0 when they could not be counted (no /proc).
    private let taskCount: UInt64
    /// What its clock says: ticks a second, 0 for this machine's; a moment on it and on CLOCK_MONOTONIC.
    let clock: (frequency: UInt64, ticks: UInt64, monotonicNanos: UInt64)
    /// Nil for a program of this machine.
    let target: Target?
    private var emulated: EmulatedProcess?
    private var pending: [PendingModule] = []
    private var hasUnwinder = false
    private var isStarted = false
    package private(set) var modules: [LoadedModule] = []
    private(set) var hooks: [FunctionHook] = []
    /// The stubs of bundles whose sites a live plan has still to arm, by runtime address of the site.
    package var waitingStubs: [UInt64: UInt64] = [:]
    /// System calls of its threads that stops have rewound.
    package let rewinds = RewoundCalls()
    /// Nanoseconds: the longest that a thread of it stood because of us.
    package var longestStallNanos: UInt64 = 0
    var helper: HelperConnection?
    /// True once its agent has mapped what it was sent.
    package var isReady = false

    /// Why an agent says hello.
    enum AgentOrigin: UInt64 {
        case started = 0
        case forked = 1
        case attached = 2
    }

    private struct PendingModule {
        var bias: UInt64
        var dynamic: UInt64
        var path: String
    }

    /// Takes the `hello` of a new connection.
    init(connection: Connection, hello: Packet, target: Target? = nil) throws(ControlError) {
        guard hello.kind == .hello, hello.text.count >= 112 else { throw .badMessage("no hello") }
        guard hello.fields[0] == AgentMessage.version else {
            throw .badMessage("version \(hello.fields[0]), not \(AgentMessage.version)")
        }
        // Thread-local storage lies below the thread pointer, on Arm above it; the fields' offsets must fit as well.
        guard let offset = Int32(exactly: Int64(bitPattern: hello.fields[3])), (offset < 0) == (target == nil) else {
            throw .badMessage("offset")
        }
        guard connection.isOf(UInt32(truncatingIfNeeded: hello.fields[1])) else {
            throw .badMessage("process \(hello.fields[1]), which it is not; has it a process id namespace of its own?")
        }
        var text = ByteReader(hello.text)
        var words: [UInt64] = []
        for _ in 0..<14 { words.append((try? text.fixed(UInt64.self)) ?? 0) }
        guard let origin = AgentOrigin(rawValue: words[1]) else { throw .badMessage("origin \(words[1])") }
        self.connection = connection
        self.origin = origin
        process = UInt32(truncatingIfNeeded: hello.fields[1])
        parent = UInt32(truncatingIfNeeded: hello.fields[2])
        taskCount = words[2]
        hookCode = Array(words[3..<8])
        loaderBreak = words[8]
        recordingFlag = words[9]
        clock = (words[10], words[12], words[13])
        self.target = target
        agent = AgentAddresses(
            enter: hello.fields[4], record: hello.fields[5], leave: hello.fields[6], personality: words[0],
            clock: words[11], state: ThreadStateLayout(base: offset))
    }

    var isFork: Bool { origin == .forked }

    /// Others may run the code that is about to be armed. What is opened later is armed before
    /// dlopen returns, when no other thread can reach it.
    private var isLive: Bool {
        let own = target == nil ? 0 : EmulatedProcess.ownThreadCount
        return !isStarted && (origin == .attached || taskCount > 1 + own)
    }

    /// What it has mapped; empty when it is gone.
    package func maps() -> [MapEntry] {
        if target != nil { return emulated?.maps() ?? [] }
        return (try? ProcessMaps.read(process: pid_t(bitPattern: process))) ?? []
    }

    /// Throws: `.notPermitted` or `.noSuchProcess`.
    func memory() throws(LiveError) -> ProcessMemory {
        try ProcessMemory(process: pid_t(bitPattern: process), base: emulated?.base ?? 0)
    }

    /// Remembers the stub of a site where the site does not tell when it is off.
    func keep(_ stub: UInt64, of site: Site, bias: UInt64) {
        if site.isa == .a64 || site.isa == .a32 { waitingStubs[site.address &+ bias] = stub }
    }

    /// How a site stands; on A64 and A32 one that is off looks as the file has it.
    func form(of state: LiveSites.State) -> SiteForm? {
        guard state.form == .original, state.patch.isa == .a64 || state.patch.isa == .a32,
            waitingStubs[state.address] != nil, let off = try? state.patch.bytes(of: .off, bias: state.bias, stub: 0),
            off == state.patch.original
        else { return state.form }
        return .off
    }

    /// Whether a live plan has still to arm a site, by its link-time address.
    func isChosen(_ site: Site) -> Bool {
        modules.contains { waitingStubs[site.address &+ $0.bias] != nil && $0.traced?.site(at: site.address) != nil }
    }

    func noteModule(_ packet: Packet) {
        let path = String(decoding: packet.text, as: UTF8.self)
        pending.append(PendingModule(bias: packet.fields[0], dynamic: packet.fields[1], path: path))
    }

    /// A module is gone; returns its number if it was traced.
    func noteGone(_ packet: Packet) -> UInt32? {
        guard let index = modules.firstIndex(where: { $0.bias == packet.fields[0] }) else { return nil }
        return modules.remove(at: index).traced?.index
    }

    /// A child has what its parent had.
    func inherit(from parent: TracedProcess) {
        modules = parent.modules
        hooks = parent.hooks
        agent = parent.agent
        hasUnwinder = parent.hasUnwinder
        emulated = parent.emulated.map { $0.forked(to: pid_t(bitPattern: process)) }
        if target != nil { waitingStubs = parent.waitingStubs }
        isStarted = true
    }

    /// Arms the modules noted since the last time, and answers.
    ///
    /// Returns true when a live plan has to follow: the stubs are there, the sites are not armed.
    func arm(_ session: SessionModules) -> Bool {
        var answer = ArmedAnswer(isFirst: !isStarted)
        let isLive = self.isLive
        if let target, emulated == nil, let agent = pending.first(where: { $0.path == session.agentPath }) {
            emulated = EmulatedProcess(
                target: target, process: pid_t(bitPattern: process), agentPath: session.agentPath, bias: agent.bias)
        }
        let maps = self.maps()
        var taken = maps
        var loaded: [LoadedModule] = []
        // The loader's order: the first module with an unwinder is the one that is used.
        for module in pending {
            guard let path = filePath(module, maps, session), session.mayMatter(path),
                let found = session.modules.module(path: path)
            else { continue }
            answer.look(at: found.image, bias: module.bias, dynamic: module.dynamic, hasUnwinder: &hasUnwinder)
            if target != nil && answer.isFirst {
                let hooks = FunctionHook.forking(
                    of: found.image, bias: module.bias, agent: { hookCode[$0.rawValue] },
                    room: { page(near: $0, $1, &taken) })
                for hook in hooks { answer.add(hook) }
            }
            loaded.append(LoadedModule(image: found.image, traced: found.traced, bias: module.bias))
        }
        // LLVM's libunwind tells frames apart by their stack pointer, and a stub's is its caller's:
        // it would take a stub with a personality for the frame that catches.
        if answer.isUnwinderOfLLVM { agent.personality = 0 }
        if answer.isFirst { lookAtLoader(&answer, &taken) }
        for module in loaded { arm(module, session, &taken, isLive: isLive) }
        modules += loaded
        hooks += answer.hooks
        pending = []
        isStarted = true
        connection.send(answer.packet(writesHooks: !isLive))
        return isLive
    }

    private func lookAtLoader(_ answer: inout ArmedAnswer, _ maps: inout [MapEntry]) {
        guard let memory = try? memory() else { return }
        if let target {
            guard
                let hook = FunctionHook.modulesChanged(
                    at: loaderBreak, isa: target.isa, code: { memory.read($0, count: 4) },
                    agent: hookCode[HookedFunction.modulesChanged.rawValue],
                    room: { page(near: $0, $1, &maps) })
            else { return }
            answer.add(hook)
            return
        }
        guard let code = memory.read(loaderBreak, count: 8),
            let hook = FunctionHook.modulesChanged(at: loaderBreak, code: code)
        else { return }
        answer.add(hook)
    }

    /// A free page within a branch's reach, which is taken by that.
    private func page(near place: Range<UInt64>, _ isa: InstructionSet, _ maps: inout [MapEntry]) -> UInt64? {
        guard let page = ArenaPlacement.choose(byteCount: 4096, near: place, maps: maps, isa: isa) else { return nil }
        maps.append(MapEntry(start: page, end: page + 4096, permissions: "r-xp", offset: 0, path: ""))
        maps.sort { $0.start < $1.start }
        return page
    }

    /// The plans that hook, or restore, libc and the loader while threads run.
    func hookPlans(isRestoring: Bool) -> [Plan] {
        hooks.compactMap { $0.plan(target: hookCode[$0.function.rawValue], isRestoring: isRestoring) }
    }

    /// The file of a module: its path as this host sees it.
    private func filePath(_ loaded: PendingModule, _ maps: [MapEntry], _ session: SessionModules) -> String? {
        if let target {
            if loaded.path.isEmpty { return session.executable }
            if loaded.path.hasPrefix("/") { return target.file(loaded.path) }
        }
        if loaded.path.isEmpty { return ProcessNames.executable(process) }
        if loaded.path.hasPrefix("/") { return loaded.path }
        // A relative name (dlopen("./x.so")), or the vdso: ask the kernel what is mapped there.
        guard let entry = maps.first(where: { $0.start <= loaded.dynamic && loaded.dynamic < $0.end }) else {
            return nil
        }
        return entry.path.hasPrefix("/") ? entry.path : nil
    }

    private func arm(_ loaded: LoadedModule, _ session: SessionModules, _ maps: inout [MapEntry], isLive: Bool) {
        guard let traced = loaded.traced else { return }
        session.write(traced)
        session.output.append(
            LoadRecord(
                process: process, moduleIndex: traced.index, bias: loaded.bias,
                tick: session.output.clock.ticks()))
        for (range, sites) in loaded.byTextRange(traced.sites) {
            do {
                let stubs = try map(sites, loaded, range, session, &maps, isLive: isLive) { [connection] bundle in
                    connection.send(bundle.message, descriptor: bundle.descriptor)
                    guard let answer = try connection.receive(), answer.kind == .mapped else { return nil }
                    return answer.fields[0] == 1
                }
                if target != nil {
                    for (site, stub) in zip(sites, stubs) { keep(stub, of: site.patch, bias: loaded.bias) }
                }
                guard isLive else { continue }
                for (site, stub) in zip(sites, stubs) { waitingStubs[site.patch.address &+ loaded.bias] = stub }
            } catch is LiveError {
                // It ended meanwhile, and says so by itself.
                return
            } catch {
                session.notes.append("\(loaded.image.path): \(error)")
            }
        }
    }

    private static let mapAttempts = 8

    /// Has the agent map stubs for sites of one text range; returns where they are.
    ///
    /// The place that was free a moment ago may be another thread's by now: then another one is tried.
    ///
    /// - Parameter send: hands a bundle over; false when its place is taken, nil when nobody answers.
    func map(
        _ sites: [TracedModule.TracedSite], _ loaded: LoadedModule, _ range: Range<UInt64>, _ session: SessionModules,
        _ maps: inout [MapEntry], isLive: Bool, send: (BundleFile) throws -> Bool?
    ) throws -> [UInt64] {
        for _ in 0..<Self.mapAttempts {
            let bundle = try makeBundle(sites, loaded, range, session, &maps, isLive: isLive)
            defer { close(bundle.descriptor) }
            guard let isMapped = try send(bundle) else { throw LiveError.ended(Int32(bitPattern: process)) }
            if isMapped { return bundle.stubs }
            // Where an emulator does not show what it has mapped, the same place must not be tried again.
            let taken = maps
            maps = self.maps()
            if maps.isEmpty { maps = taken }
        }
        throw ControlError.noArena(
            module: loaded.image.path, byteCount: Arena.byteCount(siteCount: sites.count, isa: isa(sites)),
            isa: isa(sites))
    }

    /// A bundle for sites of one text range, for an arena that `maps` has room for.
    private func makeBundle(
        _ sites: [TracedModule.TracedSite], _ loaded: LoadedModule, _ range: Range<UInt64>, _ session: SessionModules,
        _ maps: inout [MapEntry], isLive: Bool
    ) throws -> BundleFile {
        let kind = StubKind(
            isa: isa(sites), depthLimited: session.depthLimit != nil, readsCounter: agent.clock == 0)
        let byteCount = UInt64(Arena.byteCount(siteCount: sites.count, isa: kind.isa))
        let text = loaded.pages(range)
        guard let address = ArenaPlacement.choose(byteCount: byteCount, near: text, maps: maps, isa: kind.isa) else {
            throw ControlError.noArena(module: loaded.image.path, byteCount: Int(byteCount), isa: kind.isa)
        }
        let bundle = try BundleFile(
            sites: sites, text: text, bias: loaded.bias, arenaAddress: address, agent: agent,
            kind: kind, isLive: isLive)
        maps.append(MapEntry(start: address, end: address + byteCount, permissions: "r-xs", offset: 0, path: ""))
        maps.sort { $0.start < $1.start }
        return bundle
    }

    /// The set that sites of one bundle are of.
    private func isa(_ sites: [TracedModule.TracedSite]) -> InstructionSet { sites.first?.patch.isa ?? .x86_64 }
}

/// A module as one process has it mapped.
package struct LoadedModule {
    package let image: ModuleImage
    /// Nil when it has no site at all.
    let traced: TracedModule?
    package let bias: UInt64

    /// The runtime pages of a range of link-time addresses.
    package func pages(_ range: Range<UInt64>) -> Range<UInt64> {
        (range.lowerBound &+ bias) & ~4095..<((range.upperBound &+ bias) + 4095) & ~4095
    }

    /// Sites by the text range that they lie in, and by their set; ranges without any are left out.
    func byTextRange(
        _ sites: [TracedModule.TracedSite]
    ) -> [(range: Range<UInt64>, sites: [TracedModule.TracedSite])] {
        let isMixed = image.isa == .a32
        if image.textRanges.count == 1, !sites.isEmpty, !isMixed { return [(image.textRanges[0], sites)] }
        return image.textRanges.flatMap { range in
            let inside = sites.filter { range.contains($0.patch.address) }
            let sets =
                isMixed ? [inside.filter { $0.patch.isa == .a32 }, inside.filter { $0.patch.isa == .t32 }] : [inside]
            return sets.filter { !$0.isEmpty }.map { (range, $0) }
        }
    }
}
