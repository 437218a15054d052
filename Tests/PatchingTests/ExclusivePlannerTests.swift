import MachineCode
import Testing

@testable import Patching

/// Code memory that does what an executor does, and writes down each access.
struct RecordingMemory {
    let base: UInt64
    var bytes: [UInt8]
    var isOpen = false
    /// How often each byte was stored.
    var stores: [Int]

    enum Failure: Error { case outside, closed, unexpected(at: UInt64), width(Int) }

    init(base: UInt64, bytes: [UInt8]) {
        self.base = base
        self.bytes = bytes
        stores = Array(repeating: 0, count: bytes.count)
    }

    mutating func run(_ plan: Plan) throws {
        for step in plan.steps {
            switch step {
            case .open, .park: isOpen = true
            case .close, .resume: isOpen = false
            case .maintainCaches, .syncCores, .catchBreakpoints: break
            case .store(let address, let width, let value, let expected):
                guard isOpen else { throw Failure.closed }
                guard [1, 2, 4, 8].contains(width) else { throw Failure.width(width) }
                guard address >= base, address + UInt64(width) <= base + UInt64(bytes.count) else {
                    throw Failure.outside
                }
                let start = Int(address - base)
                for index in 0..<width {
                    let shift = UInt64(8 * index)
                    guard bytes[start + index] == UInt8(truncatingIfNeeded: expected >> shift) else {
                        throw Failure.unexpected(at: address)
                    }
                    bytes[start + index] = UInt8(truncatingIfNeeded: value >> shift)
                    stores[start + index] += 1
                }
                // What does not belong to the store must not hide in its numbers.
                let unused = width == 8 ? 0 : (value | expected) >> UInt64(8 * width)
                if unused != 0 { throw Failure.width(width) }
            }
        }
    }
}

@Suite struct ExclusivePlannerTests {
    static let base: UInt64 = 0x5555_5555_4000

    static func site(_ windowByteCount: Int, at address: UInt64) -> Site {
        Site(
            address: address, shape: .smallNops(count: windowByteCount),
            original: (0..<windowByteCount).map { UInt8(0x40 + $0) },
            tail: (InstructionSet.x86_64.sledByteCount..<windowByteCount).map { UInt8(0x80 + $0) })
    }

    /// Every size of window at every place in a cache line, on and off.
    @Test func everyWindow() throws {
        for byteCount in 5...40 {
            for alignment in UInt64(0)..<64 {
                for isOn in [false, true] { try check(byteCount, alignment, isOn: isOn) }
            }
        }
    }

    private func check(_ byteCount: Int, _ alignment: UInt64, isOn: Bool) throws {
        let site = Self.site(byteCount, at: 0x1000 + alignment)
        let assignment = SiteAssignment(
            site: site, bias: Self.base, stub: Self.base &- 0x1234_5670 &+ alignment, isOn: isOn)
        let armed = try ExclusivePlanner.armedBytes(assignment)
        try #require(armed.count == byteCount && Array(armed.dropFirst(5)) == site.tail)
        let plan = try ExclusivePlanner.plan([assignment])
        try #require(plan.steps.first == .open && plan.steps.last == .close && plan.patchProtocol == .exclusive)
        let before = Array(repeating: UInt8(0xcc), count: Int(alignment)) + site.original + [0xcc, 0xcc]
        var memory = RecordingMemory(base: Self.base + 0x1000, bytes: before)
        try memory.run(plan)
        let from = Int(alignment)
        try #require(Array(memory.bytes[from..<from + byteCount]) == armed)
        // Each byte of the window once, no other byte at all.
        try #require(memory.stores == before.indices.map { (from..<from + byteCount).contains($0) ? 1 : 0 })
        // The way back: the site whose original is what is armed now.
        try #require(!memory.isOpen)
        for (index, byte) in site.original.enumerated() { memory.bytes[from + index] = byte }
        try #require(memory.bytes == before)
    }

    @Test func onAndOffDifferInTheFirstByteOnly() throws {
        for byteCount in 5...40 {
            var assignment = SiteAssignment(
                site: Self.site(byteCount, at: 0x1000), bias: Self.base, stub: Self.base, isOn: true)
            let on = try ExclusivePlanner.armedBytes(assignment)
            assignment.isOn = false
            let off = try ExclusivePlanner.armedBytes(assignment)
            #expect(zip(on, off).enumerated().filter { $1.0 != $1.1 }.map(\.offset) == [0])
            #expect((on[0], off[0]) == (0xe9, 0xa9))
        }
    }

    @Test func sitesKeepTheirOrder() throws {
        let sites = (0..<20).map { Self.site(5 + $0, at: UInt64(0x2000 - 0x40 * $0)) }
        let plan = try ExclusivePlanner.plan(
            sites.map { SiteAssignment(site: $0, bias: Self.base, stub: Self.base, isOn: true) })
        var order: [UInt64] = []
        for case .store(let address, _, _, _) in plan.steps
        where sites.contains(where: { $0.address + Self.base == address }) {
            order.append(address - Self.base)
        }
        #expect(order == sites.map(\.address))
        #expect(try ExclusivePlanner.plan([]).steps == [.open, .close])
    }

    /// Whoever changed the code first is not overwritten.
    @Test func otherBytesAreLeftAlone() throws {
        let site = Self.site(16, at: 0)
        let plan = try ExclusivePlanner.plan([SiteAssignment(site: site, bias: Self.base, stub: Self.base, isOn: true)])
        for index in 0..<16 {
            var bytes = site.original
            bytes[index] ^= 0x10
            var memory = RecordingMemory(base: Self.base, bytes: bytes)
            #expect(throws: RecordingMemory.Failure.self) { try memory.run(plan) }
        }
    }

    @Test(arguments: [
        (Int64(Int32.max), true), (Int64(Int32.max) + 1, false), (Int64(Int32.min), true),
        (Int64(Int32.min) - 1, false), (0, true), (3 << 30, false), (Int64.max, false), (Int64.min, false),
    ])
    func reach(distance: Int64, isReached: Bool) throws {
        let site = Self.site(5, at: 0x1000)
        let address = site.address &+ Self.base
        let stub = UInt64(bitPattern: Int64(bitPattern: address &+ 5) &+ distance)
        let assignment = SiteAssignment(site: site, bias: Self.base, stub: stub, isOn: true)
        if isReached {
            let bytes = try ExclusivePlanner.armedBytes(assignment)
            let near = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[1 + $1]) << UInt32(8 * $1) }
            #expect(Int64(Int32(bitPattern: near)) == distance)
        } else {
            #expect(throws: PlanError.outOfRange(site: address, distance: distance)) {
                try ExclusivePlanner.plan([assignment])
            }
        }
    }
}

@Suite struct StraddlingTests {
    /// Against a count of boundaries, one address after the other.
    @Test func everyPlaceInAPage() {
        for address in UInt64(0x7000)..<0x9000 {
            let bytes = (0..<5).map { address + $0 }
            let crosses = { (unit: UInt64) in bytes.dropFirst().contains { $0 % unit == 0 } }
            let expected: Site.Straddling = crosses(4096) ? .page : crosses(64) ? .line : crosses(8) ? .word : .none
            let site = Site(address: address, shape: .singleNop(byteCount: 5), original: [0, 0, 0, 0, 0], tail: [])
            #expect(site.straddling == expected)
            #expect(site.window == address..<address + 5)
        }
    }
}
