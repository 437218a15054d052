import Patching
import Programs
import Stubs
import TraceFormat

/// Everything that arms one text range of one module in one process, in one memfd (see `Bundle`).
struct BundleFile {
    let descriptor: Int32
    let message: Packet
    /// The stub of each site.
    let stubs: [UInt64]

    /// Generates stubs and plan and writes them.
    ///
    /// - Parameters:
    ///   - sites: those that lie in `text`.
    ///   - text: the runtime range of pages that holds them.
    ///   - arenaAddress: where the agent has to map the arena.
    ///   - isLive: others run the code: the bundle has no plan, sites are armed by a live one.
    init(
        sites: [TracedModule.TracedSite], text: Range<UInt64>, bias: UInt64, arenaAddress: UInt64,
        agent: AgentAddresses, kind: StubKind = StubKind(), isLive: Bool = false
    ) throws {
        let requests = sites.map {
            StubRequest(
                site: $0.patch.address &+ bias, body: $0.patch.bodyAddress &+ bias, function: $0.function,
                hasExit: $0.hasExit)
        }
        let arena = try Arena(at: arenaAddress, agent: agent, requests: requests, kind: kind)
        stubs = arena.stubs
        let plan =
            isLive
            ? Plan(steps: [], patchProtocol: .exclusive)
            : try ExclusivePlanner.plan(
                zip(sites, arena.stubs).map { SiteAssignment(site: $0.patch, bias: bias, stub: $1, isOn: true) })
        let arenaByteCount = (arena.bytes.count + 4095) / 4096 * 4096
        let padding = [UInt8](repeating: 0, count: arenaByteCount - arena.bytes.count)
        let toggles = try zip(sites, arena.stubs).flatMap { site, stub in
            [site.patch.address &+ bias, try Self.toggle(site.patch, bias, stub)]
        }
        let tail = PlanFile.words(plan) + toggles
        descriptor = try MemoryFile.make(
            "nopal-bundle", bytes: [arena.bytes + padding, unsafe tail.withUnsafeBytes { unsafe Array($0) }])
        var text8 = ByteWriter()
        text8.fixed(bias)
        message = Packet(
            .arm,
            [
                arenaAddress, UInt64(arenaByteCount), UInt64(arena.unwindTableOffset), UInt64(plan.steps.count),
                UInt64(sites.count), text.lowerBound, text.upperBound,
            ], text: text8.bytes)
    }

    /// What a toggle of a site stores: on in the lower half, off in the upper one (see `Bundle.siteByteCount`).
    static func toggle(_ site: Site, _ bias: UInt64, _ stub: UInt64) throws(PlanError) -> UInt64 {
        let forms = try [SiteForm.on, .off].map { form throws(PlanError) in
            try site.bytes(of: form, bias: bias, stub: stub).prefix(site.isa.unitByteCount).reversed()
                .reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }
        return forms[0] | forms[1] << 32
    }
}
