import Disassembly
import Testing
import TraceFormat

@testable import Stubs

/// Whole arenas: the code at its place, with every hole filled.
@Suite struct ArenaTests {
    static let address: UInt64 = 0x5555_0000_0000
    static let agent = AgentAddresses(
        enter: 0x7f00_1111_0000, record: 0x7f00_2222_0000, leave: 0x7f00_3333_0000, personality: 0x7f00_4444_0000,
        state: ThreadStateLayout(base: -192))

    /// Sites on both sides of the arena, every third without an exit.
    static func requests(_ count: Int) -> [StubRequest] {
        (0..<count).map { index in
            let distance = UInt64(index / 2) * 37
            let site = index % 2 == 0 ? address + 0x7000_0000 - distance : address - 0x7000_0000 + distance
            return StubRequest(site: site, function: UInt32(index + 1), hasExit: index % 3 != 1)
        }
    }

    static func word(_ bytes: [UInt8], _ offset: Int) -> UInt64 {
        (0..<8).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64(8 * $1) }
    }

    @Test func thunksJumpThroughTheirSlots() throws {
        let arena = try Arena(at: Self.address, agent: Self.agent, requests: Self.requests(3))
        let slots = StubThunk.allCases.map(\.addressOffset)
        let ways = [Self.agent.enter, Self.agent.record, Self.agent.leave, Self.agent.clock]
        #expect(slots.map { Self.word(arena.bytes, $0) } == ways)
        #expect(Self.word(arena.bytes, Bundle.ArenaOffset.personality) == Self.agent.personality)
        let decoder = try #require(Disassembler())
        for thunk in StubThunk.allCases {
            let start = ArenaThunks.place(thunk)
            let code = decoder.decode(Array(arena.bytes[start..<start + ArenaThunks.byteCount]))
            let jump = try #require(code.first)
            #expect(
                jump.text == "jmp qword ptr [rip - 0x\(String(start + jump.end - slots[thunk.rawValue], radix: 16))]")
            #expect(code.dropFirst().allSatisfy { $0.text == "int3" })
        }
    }

    @Test(arguments: [false, true]) func stubsLeadToTheirFunctions(depthLimited: Bool) throws {
        let requests = Self.requests(20)
        let arena = try Arena(
            at: Self.address, agent: Self.agent, requests: requests, kind: StubKind(depthLimited: depthLimited))
        for (request, stub) in zip(requests, arena.stubs) {
            #expect(arena.stubRange.contains(stub) && stub % 16 == 0)
            try check(request, stub, arena, depthLimited)
        }
        #expect(Set(arena.stubs).count == requests.count)
    }

    private func check(_ request: StubRequest, _ stub: UInt64, _ arena: Arena, _ depthLimited: Bool) throws {
        let template: StubTemplate =
            request.hasExit
            ? .entryAndExit(Self.agent.state, depthLimited: depthLimited) : .entryOnly(Self.agent.state)
        let start = Int(stub - Self.address)
        let code = try #require(Disassembler()).decode(
            Array(arena.bytes[start..<start + template.bytes.count]), at: stub)
        try #require(code.last?.end == template.bytes.count)
        for (offset, hole, _) in template.holes {
            let instruction = try #require(code.first { $0.end == offset + 4 })
            switch hole {
            case .body: #expect(instruction.operands == "0x" + String(request.site + 5, radix: 16))
            case .thunk(let thunk):
                let place = Self.address + UInt64(ArenaThunks.place(thunk))
                #expect(instruction.operands == "0x" + String(place, radix: 16))
            case .entryWord:
                let kind: EventKind = request.hasExit ? .entry : .entryOnly
                let word = UInt64(kind.rawValue) << 28 | UInt64(request.function)
                #expect(instruction.operands.hasSuffix(", 0x" + String(word, radix: 16)))
            case .exitWord:
                #expect(instruction.operands.hasSuffix(", 0x" + String(0x2000_0000 | request.function, radix: 16)))
            }
        }
    }

    /// The frame codes that the unwind rules look into are those of the stub at that place.
    @Test func frameCodesStandBeforeTheStubs() throws {
        let arena = try Arena(
            at: Self.address, agent: Self.agent, requests: Self.requests(4), kind: StubKind(depthLimited: true))
        let full = StubTemplate.entryAndExit(Self.agent.state, depthLimited: true)
        let short = StubTemplate.entryOnly(Self.agent.state)
        let start = Arena.frameCodesOffset
        let second = start + (full.bytes.count + 15) / 16 * 16
        #expect(Array(arena.bytes[start..<start + full.frames.count]) == full.frames)
        #expect(Array(arena.bytes[second..<second + short.frames.count]) == short.frames)
    }

    @Test(arguments: [0, 1, 7, 1000], [false, true]) func byteCountIsAnUpperBound(count: Int, depthLimited: Bool) throws
    {
        let exits: [(Int) -> Bool] = [{ _ in true }, { _ in false }, { $0 % 2 == 0 }]
        for hasExit in exits {
            let requests = (0..<count).map {
                StubRequest(site: Self.address, function: UInt32($0 + 1), hasExit: hasExit($0))
            }
            let arena = try Arena(
                at: Self.address, agent: Self.agent, requests: requests, kind: StubKind(depthLimited: depthLimited))
            #expect(arena.bytes.count <= Arena.byteCount(siteCount: count))
            #expect(arena.stubs.count == count)
        }
        #expect(Arena.byteCount(siteCount: count) % 4096 == 0)
    }

    @Test func sitesOutOfReach() {
        for distance in [UInt64(3) << 30, 0 &- UInt64(3) << 30] {
            let requests =
                Self.requests(2) + [
                    StubRequest(site: Self.address &+ distance, function: 9, hasExit: true)
                ]
            #expect(throws: StubError.self) {
                try Arena(at: Self.address, agent: Self.agent, requests: requests)
            }
        }
    }

    /// One kind after the other in memory, but each request gets its own stub back.
    @Test func stubsAreInTheOrderOfTheRequests() throws {
        let requests = Self.requests(30)
        let arena = try Arena(at: Self.address, agent: Self.agent, requests: requests)
        let (full, short) = (
            zip(requests, arena.stubs).filter { $0.0.hasExit }.map(\.1),
            zip(requests, arena.stubs).filter { !$0.0.hasExit }.map(\.1)
        )
        #expect(full == full.sorted() && short == short.sorted())
        #expect(try #require(full.last) < #require(short.first))
    }
}
