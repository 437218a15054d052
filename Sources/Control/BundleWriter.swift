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
        var tail = ByteWriter()
        for step in plan.steps { BundleFile.write(step, to: &tail) }
        for request in requests { tail.fixed(request.site | Bundle.siteOnBit) }
        descriptor = try ControlError.check(nopal_memory_file("nopal-bundle"), "cannot make memory for stubs")
        try BundleFile.write(arena.bytes, descriptor, at: 0)
        try BundleFile.write(tail.bytes, descriptor, at: arenaByteCount)
        var text8 = ByteWriter()
        text8.fixed(bias)
        message = Packet(
            .arm,
            [
                arenaAddress, UInt64(arenaByteCount), UInt64(arena.unwindTableOffset), UInt64(plan.steps.count),
                UInt64(sites.count), text.lowerBound, text.upperBound,
            ], text: text8.bytes)
    }

    /// Shape: kind u32 | width u32 | address u64 | value u64 | expected u64.
    private static func write(_ step: PlanStep, to writer: inout ByteWriter) {
        switch step {
        case .store(let address, let width, let value, let expected):
            writer.fixed(StepKind.store.rawValue)
            writer.fixed(UInt32(width))
            writer.fixed(address)
            writer.fixed(value)
            writer.fixed(expected)
        case .open, .close:
            writer.fixed(step == .open ? StepKind.open.rawValue : StepKind.close.rawValue)
            writer.fixed(UInt32(0))
            for _ in 0..<3 { writer.fixed(UInt64(0)) }
        }
    }

    private static func write(_ bytes: [UInt8], _ descriptor: Int32, at offset: Int) throws {
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe pwrite(descriptor, $0.baseAddress.map { unsafe $0 + done }, bytes.count - done, off_t(offset + done))
            }
            if count <= 0 { throw ControlError.system(what: "cannot write stubs", errno: errno) }
            done += count
        }
    }
}
