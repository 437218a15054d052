import Glibc
import Patching
import Programs
import Stubs
import Testing
import TraceFormat

@testable import Control

/// A bundle, read back as an agent reads it.
@Suite struct BundleFileTests {
    static let bias: UInt64 = 0x5555_0000_0000
    static let arenaAddress: UInt64 = 0x5554_c000_0000
    static let agent = AgentAddresses(
        enter: 1, record: 2, leave: 3, personality: 4, state: ThreadStateLayout(base: -128))

    static func site(_ index: Int) -> TracedModule.TracedSite {
        let address = 0x1000 + UInt64(index) * 0x50
        let windowByteCount = 5 + index % 9
        let site = Site(
            address: address, shape: .smallNops(count: windowByteCount),
            original: Array(repeating: 0x90, count: windowByteCount),
            tail: Array(repeating: UInt8(index), count: windowByteCount - 5))
        let function = FunctionSymbol(name: "f\(index)", address: address, byteCount: 0x40)
        let hasExit = index % 4 != 3
        return .init(
            site: FunctionSite(function: function, verdict: .traceable(site, exits: hasExit, remark: nil)),
            patch: site, function: UInt32(index + 1), hasExit: hasExit)
    }

    @Test(arguments: [1, 2, 50]) func parseBack(count: Int) throws {
        let sites = (0..<count).map(Self.site)
        let text = Self.bias + 0x1000..<Self.bias + 0x9000
        let bundle = try BundleFile(
            sites: sites, text: text, bias: Self.bias, arenaAddress: Self.arenaAddress, agent: Self.agent,
            kind: StubKind())
        defer { close(bundle.descriptor) }
        let requests = sites.map {
            StubRequest(
                site: $0.patch.address + Self.bias,
                body: $0.patch.address + UInt64($0.patch.original.count) + Self.bias, function: $0.function,
                hasExit: $0.hasExit)
        }
        let arena = try Arena(at: Self.arenaAddress, agent: Self.agent, requests: requests)
        let plan = try ExclusivePlanner.plan(
            zip(sites, arena.stubs).map { SiteAssignment(site: $0.patch, bias: Self.bias, stub: $1, isOn: true) })

        let fields = bundle.message.fields
        #expect(bundle.message.kind == .arm && fields[0] == Self.arenaAddress)
        #expect(fields[1] % 4096 == 0 && fields[1] >= UInt64(arena.bytes.count))
        #expect(fields[1] <= UInt64(Arena.byteCount(siteCount: count)))
        #expect(
            Array(fields[2...]) == [
                UInt64(arena.unwindTableOffset), UInt64(plan.steps.count), UInt64(count), text.lowerBound,
                text.upperBound,
            ])
        var bias = ByteReader(bundle.message.text)
        #expect(try bias.fixed(UInt64.self) == Self.bias && bias.isAtEnd)

        let bytes = try Self.contents(bundle.descriptor)
        #expect(Array(bytes[..<arena.bytes.count]) == arena.bytes)
        #expect(bytes[arena.bytes.count..<Int(fields[1])].allSatisfy { $0 == 0 })
        var reader = ByteReader(bytes[Int(fields[1])...])
        #expect(try (0..<plan.steps.count).map { _ in try Self.step(&reader) } == plan.steps)
        for request in requests {
            let site = [
                try reader.fixed(UInt64.self), UInt64(try reader.fixed(UInt32.self)),
                UInt64(try reader.fixed(UInt32.self)),
            ]
            #expect(site == [request.site, 0xe9, 0xa9])
        }
        #expect(reader.isAtEnd)
    }

    @Test func tooFar() {
        #expect(throws: StubError.self) {
            try BundleFile(
                sites: [Self.site(0)], text: 0..<4096, bias: Self.bias, arenaAddress: Self.arenaAddress + (4 << 30),
                agent: Self.agent)
        }
    }

    static func step(_ reader: inout ByteReader) throws -> PlanStep {
        let (kind, width) = (StepKind(rawValue: try reader.fixed(UInt32.self)), Int(try reader.fixed(UInt32.self)))
        let fields = try (0..<3).map { _ in try reader.fixed(UInt64.self) }
        switch try #require(kind) {
        case .store, .storeAgain: return .store(address: fields[0], width: width, value: fields[1], expected: fields[2])
        case .open: return .open
        case .close: return .close
        case .maintainCaches: return .maintainCaches
        case .syncCores: return .syncCores
        case .catchBreakpoints: return .catchBreakpoints
        }
    }

    static func contents(_ descriptor: Int32) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(lseek(descriptor, 0, Int32(SEEK_END))))
        try #require(pread(descriptor, &bytes, bytes.count, 0) == bytes.count)
        return bytes
    }
}
