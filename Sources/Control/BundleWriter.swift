import CSupport
import Glibc
import Patching
import Programs
import Stubs
import TraceFormat

/// Everything that arms one text range of one module in one process, in one memfd (see `Bundle`).
struct BundleFile {
    let descriptor: Int32
    let message: Packet

    /// Generates stubs and plan and writes them.
    ///
    /// - Parameters:
    ///   - sites: those that lie in `text`.
    ///   - text: the runtime range of pages that holds them.
    ///   - arenaAddress: where the agent has to map the arena.
    init(
        sites: [TracedModule.TracedSite], text: Range<UInt64>, bias: UInt64, arenaAddress: UInt64,
        agent: AgentAddresses, depthLimited: Bool
    ) throws {
        let requests = sites.map {
            StubRequest(site: $0.patch.address &+ bias, function: $0.function, hasExit: $0.hasExit)
        }
        let arena = try Arena(at: arenaAddress, agent: agent, requests: requests, depthLimited: depthLimited)
        let plan = try ExclusivePlanner.plan(
            zip(sites, arena.stubs).map { SiteAssignment(site: $0.patch, bias: bias, stub: $1, isOn: true) })
        let arenaByteCount = (arena.bytes.count + 4095) / 4096 * 4096
        let tail = BundleFile.planBytes(plan, requests)
        descriptor = try ControlError.check(nopal_memory_file("nopal-bundle"), "cannot make memory for stubs")
        do {
            try BundleFile.write(arena.bytes, descriptor, at: 0)
            try BundleFile.write(tail, descriptor, at: arenaByteCount)
        } catch {
            close(descriptor)
            throw error
        }
        var text8 = ByteWriter()
        text8.fixed(bias)
        message = Packet(
            .arm,
            [
                arenaAddress, UInt64(arenaByteCount), UInt64(arena.unwindTableOffset), UInt64(plan.steps.count),
                UInt64(sites.count), text.lowerBound, text.upperBound,
            ], text: text8.bytes)
    }

    /// The steps, then the table of sites (see `Bundle`).
    private static func planBytes(_ plan: Plan, _ requests: [StubRequest]) -> [UInt8] {
        var words: [UInt64] = []
        words.reserveCapacity(plan.steps.count * Bundle.stepByteCount / 8 + requests.count)
        for step in plan.steps {
            switch step {
            case .store(let address, let width, let value, let expected):
                words.append(UInt64(StepKind.store.rawValue) | UInt64(width) << 32)
                words.append(address)
                words.append(value)
                words.append(expected)
            case .open, .close:
                words.append(UInt64(step == .open ? StepKind.open.rawValue : StepKind.close.rawValue))
                words.append(contentsOf: [0, 0, 0])
            }
        }
        for request in requests { words.append(request.site | Bundle.siteOnBit) }
        return unsafe words.withUnsafeBytes { unsafe Array($0) }
    }

    private static func write(_ bytes: [UInt8], _ descriptor: Int32, at offset: Int) throws {
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe pwrite(
                    descriptor, $0.baseAddress.map { unsafe $0 + done }, bytes.count - done, off_t(offset + done))
            }
            if count <= 0 { throw ControlError.system(what: "cannot write stubs", errno: errno) }
            done += count
        }
    }
}
