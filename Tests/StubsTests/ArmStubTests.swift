import Disassembly
import MachineCode
import Testing
import TraceFormat

@testable import Stubs

/// Stubs of the Arm sets, as capstone reads them.
@Suite struct ArmStubTests {
    static let kinds: [StubKind] = [InstructionSet.a64, .a32, .t32].flatMap { isa in
        [(false, true), (false, false), (true, true), (true, false)].map {
            StubKind(isa: isa, depthLimited: $0.0, readsCounter: $0.1)
        }
    }

    static let address: UInt64 = 0x4000_0000
    static let agent = AgentAddresses(
        enter: 0x7000_1000, record: 0x7000_1100, leave: 0x7000_1200, personality: 0x7000_1300, clock: 0x7000_1400,
        state: ThreadStateLayout(base: 16))

    static func requests(_ count: Int) -> [StubRequest] {
        (0..<count).map { index -> StubRequest in
            let site: UInt64 = address + 0x10_0000 + UInt64(index) * 32
            return StubRequest(site: site, body: site + 8, function: UInt32(index + 1), hasExit: index % 3 != 2)
        }
    }

    private func code(
        _ template: StubTemplate, _ kind: StubKind, _ bytes: [UInt8], at stub: UInt64
    ) throws -> [Disassembler.Instruction] {
        let decoder = try #require(Disassembler(kind.isa == .t32 ? .a32 : kind.isa))
        let skipped = kind.isa == .t32 ? 4 : 0
        return decoder.decode(Array(bytes[skipped...]), at: stub + UInt64(skipped)).map {
            var instruction = $0
            instruction.offset += skipped
            return instruction
        }
    }

    /// Every word but the numbers at the end is an instruction, and every hole leads where it is to lead.
    @Test(arguments: kinds) func stubsLeadToTheirFunctions(kind: StubKind) throws {
        let requests = Self.requests(20)
        let arena = try Arena(at: Self.address, agent: Self.agent, requests: requests, kind: kind)
        let templates = [
            true: try kind.entryAndExit(Self.agent.state), false: try kind.entryOnly(Self.agent.state),
        ]
        for (request, stub) in zip(requests, arena.stubs) {
            let template = try #require(templates[request.hasExit])
            let start = Int(stub - Self.address)
            let bytes = Array(arena.bytes[start..<start + template.bytes.count])
            let code = try code(template, kind, bytes, at: stub)
            let numbers = template.holes.filter { $0.form == .number || $0.form == .address }
            let end = numbers.map(\.offset).min() ?? template.bytes.count
            #expect(code.filter { $0.offset < end }.last?.end == end)
            for (offset, hole, form) in template.holes {
                let word = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
                switch (hole, form) {
                case (.entryWord, _):
                    let entry: EventKind = request.hasExit ? .entry : .entryOnly
                    #expect(word == EventWord.upperHalf(kind: entry, payload: request.function))
                case (.exitWord, _): #expect(word == EventWord.upperHalf(kind: .exit, payload: request.function))
                case (.body, .address):
                    #expect(UInt64(word) == (kind.isa == .t32 ? request.body | 1 : request.body))
                case (.body, _), (.thunk, _):
                    let target: UInt64 =
                        if case .thunk(let thunk) = hole { Self.address + UInt64(ArenaThunks.place(thunk)) } else {
                            request.body
                        }
                    let branch = try #require(code.first { $0.offset == offset })
                    #expect(["b", "bl", "blx"].contains(branch.mnemonic))
                    #expect(branch.operands == "#0x" + String(target, radix: 16))
                }
            }
        }
        #expect(Set(arena.stubs).count == requests.count)
    }

    /// The instruction behind the call of the body is the one that the body returns to.
    @Test(arguments: kinds) func returnsBehindTheCall(kind: StubKind) throws {
        let template = try kind.entryAndExit(Self.agent.state)
        let returnOffset = try #require(template.returnOffset)
        #expect(template.holes.contains { $0.hole == .body && $0.offset == returnOffset - 4 })
        #expect(template.armFrames[returnOffset / 4].returnAddress == .entry)
    }

    /// What a call of the fast path executes, entry and exit: the figure that the issue bounds.
    @Test func fastPathIsShort() throws {
        for (isa, limit) in [(InstructionSet.a64, 60), (.a32, 70), (.t32, 70)] {
            let kind = StubKind(isa: isa)
            let arena = try Arena(at: Self.address, agent: Self.agent, requests: Self.requests(1), kind: kind)
            let start = Int(arena.stubs[0] - Self.address)
            let template = try kind.entryAndExit(Self.agent.state)
            let bytes = Array(arena.bytes[start..<start + template.bytes.count])
            let code = try code(template, kind, bytes, at: arena.stubs[0])
            let last = try #require(code.first { ["ret", "bx"].contains($0.mnemonic) && $0.offset > 0 })
            // The site's own: a branch; on T32 a NOP, a branch, and `bx pc`.
            let site = isa == .t32 ? 3 : 1
            let count = code.filter { $0.offset <= last.offset }.count + site
            #expect(count <= limit && count > 40, "\(isa): \(count), \(template.bytes.count) bytes")
        }
    }

    /// Bytes of an arena for each site: the stub and its part of the unwind table, which debuggers get once more.
    @Test(arguments: [(InstructionSet.a64, 368, 832), (.a32, 416, 416), (.t32, 416, 416)])
    func sitesAreCheap(isa: InstructionSet, stubLimit: Int, arenaLimit: Int) throws {
        let kind = StubKind(isa: isa)
        let sizes = try [100, 1100].map { count in
            let requests = Self.requests(count).map {
                StubRequest(site: $0.site, body: $0.body, function: $0.function, hasExit: true)
            }
            return try Arena(at: Self.address, agent: Self.agent, requests: requests, kind: kind).bytes.count
        }
        let stub = Arena.stride(try kind.entryAndExit(Self.agent.state))
        let perSite = (sizes[1] - sizes[0]) / 1000
        #expect(stub <= stubLimit && perSite <= arenaLimit, "\(isa): \(stub) a stub, \(perSite) in all")
    }

    @Test(arguments: kinds, [0, 1, 7, 1000]) func byteCountIsAnUpperBound(kind: StubKind, count: Int) throws {
        let requests = (0..<count).map {
            StubRequest(site: Self.address, body: Self.address, function: UInt32($0 + 1), hasExit: true)
        }
        let arena = try Arena(at: Self.address, agent: Self.agent, requests: requests, kind: kind)
        #expect(arena.bytes.count <= Arena.byteCount(siteCount: count, isa: kind.isa))
    }

    @Test(arguments: [(InstructionSet.a64, UInt64(129) << 20), (.a32, 33 << 20), (.t32, 33 << 20)])
    func sitesOutOfReach(isa: InstructionSet, distance: UInt64) {
        for site in [Self.address &+ distance, Self.address &- distance] {
            #expect(throws: StubError.self) {
                try Arena(
                    at: Self.address, agent: Self.agent,
                    requests: [StubRequest(site: site, body: site, function: 1, hasExit: true)],
                    kind: StubKind(isa: isa))
            }
        }
    }

    /// A thread state that no instruction reaches is said, not cut off.
    @Test func stateOutOfReach() {
        for isa in [InstructionSet.a64, .a32] {
            for base in [Int32.max, -8] {
                #expect(throws: StubError.self) {
                    _ = try StubKind(isa: isa).entryAndExit(ThreadStateLayout(base: base))
                }
            }
        }
    }
}
