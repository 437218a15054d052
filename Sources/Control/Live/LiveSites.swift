import Glibc
import Patching
import Programs

/// How the sites of a process stand now: its memory is read, nothing is remembered, so the answer
/// is right after forks, after a host that died, and whatever else touched the code.
public struct LiveSites {
    public struct State {
        public var site: FunctionSite
        public var patch: Site
        public var bias: UInt64
        /// Nil for bytes that are neither Nopal's nor the file's.
        public var form: SiteForm?
        /// Where an armed site leads.
        public var stub: UInt64
        /// See `SiteChange.bodyHoles`.
        public var bodyHoles: [UInt64] = []

        public var address: UInt64 { patch.address &+ bias }
    }

    let memory: ProcessMemory
    /// Runtime ranges of arenas.
    let arenas: [Range<UInt64>]

    public init(process: pid_t) throws(LiveError) {
        try self.init(memory: ProcessMemory(process: process))
    }

    package init(memory: ProcessMemory, maps: [MapEntry]? = nil) {
        self.memory = memory
        let maps = maps ?? (try? ProcessMaps.read(process: memory.process)) ?? []
        arenas = Self.arenas(in: maps)
    }

    /// Those of earlier sessions that calls are still open in, too.
    static func arenas(in maps: [MapEntry]) -> [Range<UInt64>] {
        // Plans are shared mappings of the same files. An emulator only reads what its program executes.
        maps.filter {
            $0.path.hasPrefix("/memfd:nopal-bundle") && $0.permissions.hasPrefix("r-") && $0.permissions.hasSuffix("p")
        }
        .map { $0.start..<$0.end }
    }

    func isStub(_ address: UInt64) -> Bool { arenas.contains { $0.contains(address) } }

    /// What stands around a module's sites: whole words of 8 bytes. Nil when it is not mapped any more.
    package func code(of sites: some Sequence<Site>, bias: UInt64) -> CodeImage? {
        var low = UInt64.max
        var high: UInt64 = 0
        for site in sites {
            low = min(low, site.address &+ bias)
            high = max(high, site.address &+ bias &+ UInt64(site.original.count))
        }
        guard low < high else { return CodeImage() }
        let start = low & ~7
        guard let bytes = memory.read(start, count: Int(((high &+ 7) & ~7) - start)) else { return nil }
        return CodeImage(start: start, bytes: bytes)
    }

    /// The same with the stubs, where a plan has to change them.
    package func codeWithStubs(of sites: some Sequence<Site>, bias: UInt64) -> CodeImage? {
        guard var code = code(of: sites, bias: bias) else { return nil }
        if hasSlides(sites) { StubBodies(memory: memory, arenas: arenas).add(to: &code) }
        return code
    }

    /// Whether one of the sites slides its prologue: only there it matters where a stub leads.
    private func hasSlides(_ sites: some Sequence<Site>) -> Bool {
        sites.contains { if case .mcountCall = $0.shape { true } else { false } }
    }

    /// The state of every traceable site that `selects` picks; nil when the module is gone.
    public func states(
        of image: ModuleImage, bias: UInt64, where selects: (FunctionSite) -> Bool = { _ in true }
    ) -> [State]? { statesWithCode(of: image, bias: bias, where: selects)?.states }

    /// The same, and what was read.
    func statesWithCode(
        of image: ModuleImage, bias: UInt64, where selects: (FunctionSite) -> Bool
    ) -> (states: [State], code: CodeImage)? {
        var chosen: [(site: FunctionSite, patch: Site)] = []
        for site in image.sites {
            if case .traceable(let patch, _, _) = site.verdict, selects(site) { chosen.append((site, patch)) }
        }
        guard var code = code(of: chosen.lazy.map(\.patch), bias: bias) else { return nil }
        let bodies = StubBodies(memory: memory, arenas: hasSlides(chosen.lazy.map(\.patch)) ? arenas : [])
        bodies.add(to: &code)
        let states = chosen.map { site, patch in
            let form = patch.form(in: code, bias: bias, isStub: isStub)
            let stub = form == .on || form == .off ? patch.stub(in: code, bias: bias) ?? 0 : 0
            return State(
                site: site, patch: patch, bias: bias, form: form, stub: stub,
                bodyHoles: bodies.holes(of: stub, patch, bias))
        }
        return (states, code)
    }
}

/// A file that a process has mapped for execution, and by how much it is moved.
public struct MappedModule {
    public var path: String
    public var bias: UInt64
    public var image: ModuleImage

    /// Every program and library of a process that can be read.
    ///
    /// Throws: `.noSuchProcess` or `.notPermitted` when the process's maps can't be read.
    public static func modules(of process: pid_t, read: (String) -> ModuleImage?) throws(LiveError) -> [MappedModule] {
        let maps: [MapEntry]
        do { maps = try ProcessMaps.read(process: process) } catch { throw LiveError.access(process, errno: ENOENT) }
        var seen: Set<String> = []
        var found: [MappedModule] = []
        for entry in maps where entry.path.hasPrefix("/") && entry.permissions.contains("x") {
            guard seen.insert(entry.path).inserted,
                let first = maps.first(where: { $0.path == entry.path && $0.offset == 0 }),
                let image = read(entry.path)
            else { continue }
            found.append(
                MappedModule(path: entry.path, bias: first.start &- (image.lowestAddress & ~4095), image: image))
        }
        return found
    }
}
