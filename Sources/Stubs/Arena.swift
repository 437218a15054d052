import MachineCode
import Patching
import TraceFormat

/// One stub to be generated.
public struct StubRequest: Sendable {
    /// The runtime address of the site's sled.
    public var site: UInt64
    /// Where the stub calls the body: behind the sled, past NOPs that only fill the window.
    public var body: UInt64
    /// The function's id in the trace.
    public var function: UInt32
    public var hasExit: Bool

    public init(site: UInt64, body: UInt64? = nil, function: UInt32, hasExit: Bool) {
        self.site = site
        self.body = body ?? site &+ 5
        self.function = function
        self.hasExit = hasExit
    }
}

/// What the agent of a process tells about itself: runtime addresses, and its TLS offset.
public struct AgentAddresses: Equatable, Sendable {
    public var enter: UInt64
    public var record: UInt64
    public var leave: UInt64
    /// 0 for an unwinder that must find none.
    public var personality: UInt64
    /// What stubs call for the time; 0 where they read a counter.
    public var clock: UInt64
    public var state: ThreadStateLayout

    public init(
        enter: UInt64, record: UInt64, leave: UInt64, personality: UInt64, clock: UInt64 = 0, state: ThreadStateLayout
    ) {
        self.clock = clock
        self.enter = enter
        self.record = record
        self.leave = leave
        self.personality = personality
        self.state = state
    }
}

/// The bytes of an arena: addresses, thunks, frame codes, stubs, unwind table.
///
/// ```
/// 0     addresses of the agent's slow paths (Bundle.ArenaOffset)
/// 64    thunks of 16 bytes
/// 128   frame codes of both kinds of stub, one byte for each byte of code (not on AArch64)
/// 2048  stubs with an exit, then stubs without, each at a multiple of 16
/// ...   the unwind table: .eh_frame format, on 32-bit Arm as `ArmFrameCode` says; then an image for debuggers
/// ```
/// All distances are relative to the arena's address, so it must be mapped exactly there.
public struct Arena: Sendable {
    public let bytes: [UInt8]
    /// The runtime address of each stub, in the order of the requests.
    public let stubs: [UInt64]
    /// Where the unwind table begins, bytes from the arena's start.
    public let unwindTableOffset: Int
    /// The runtime range of all stubs.
    public let stubRange: Range<UInt64>

    static let frameCodesOffset = 128
    static let stubsOffset = 2048

    /// The size that an arena for so many sites takes at most; what must be found free near them.
    public static func byteCount(siteCount: Int, isa: InstructionSet = .x86_64) -> Int {
        // The largest that there is: far from the thread pointer, limited, asking for the time.
        let kind = StubKind(isa: isa, depthLimited: true, readsCounter: false)
        let state = ThreadStateLayout(base: isa == .x86_64 ? 0 : 0x7f_ffff)
        let stride = (try? kind.entryAndExit(state)).map(Arena.stride) ?? 1024
        let tables = 2 * UnwindTable.maximumByteCount(siteCount: siteCount, isa: isa) + 1024
        return (stubsOffset + siteCount * stride + tables + 4095) / 4096 * 4096
    }

    private static func note(imageOffset: Int, byteCount: Int, in bytes: inout [UInt8]) {
        var writer = ByteWriter()
        writer.fixed(UInt64(imageOffset))
        writer.fixed(UInt64(byteCount))
        for (index, byte) in writer.bytes.enumerated() { bytes[Bundle.ArenaOffset.imageOffset + index] = byte }
    }

    static func stride(_ template: StubTemplate) -> Int { (template.bytes.count + 15) / 16 * 16 }

    /// Generates the arena.
    ///
    /// Throws: `.outOfRange` when a site is farther from the arena than a branch reaches.
    public init(
        at address: UInt64, agent: AgentAddresses, requests: [StubRequest], kind: StubKind = StubKind()
    ) throws(StubError) {
        let full = try kind.entryAndExit(agent.state)
        let short = try kind.entryOnly(agent.state)
        var bytes = try Arena.head(agent, full, short, kind.isa)
        bytes.reserveCapacity(Arena.byteCount(siteCount: requests.count, isa: kind.isa))
        var stubs = [UInt64](repeating: 0, count: requests.count)
        let filling = (try? ArenaThunks.filling(kind.isa)) ?? [0]
        for template in [full, short] {
            var code = template.bytes
            while code.count < Arena.stride(template) { code += filling }
            for (index, request) in requests.enumerated() where request.hasExit == (template.returnOffset != nil) {
                stubs[index] = address &+ UInt64(bytes.count)
                try Arena.append(template, code, request, arena: address, kind.isa, to: &bytes)
            }
        }
        stubRange = address &+ UInt64(Arena.stubsOffset)..<address &+ UInt64(bytes.count)
        unwindTableOffset = bytes.count
        let fullCount = requests.count { $0.hasExit }
        let unwindTable = UnwindTable.bytes(
            runs: Arena.runs(address, full, fullCount, short, requests.count - fullCount),
            personality: agent.personality, isa: kind.isa, at: address &+ UInt64(unwindTableOffset),
            personalityWay: address &+ UInt64(Bundle.ArenaOffset.personalityWay))
        let image = DebuggerImage.bytes(
            stubs: stubRange, unwindTable: unwindTable, unwindTableAddress: address &+ UInt64(unwindTableOffset),
            isa: kind.isa)
        bytes += unwindTable
        Arena.note(imageOffset: bytes.count, byteCount: image.count, in: &bytes)
        bytes += image
        self.bytes = bytes
        self.stubs = stubs
    }

    /// Where stubs keep the way to their body: for each kind of stub, offsets of four bytes each. On x86-64 distances
    /// that count from their own end, on Arm branches, or addresses.
    public static func bodyHoles(isa: InstructionSet = .x86_64) -> [[Int]] {
        let state = ThreadStateLayout(base: 0)
        let kinds = [false, true].map { StubKind(isa: isa, depthLimited: $0) }
        let templates =
            kinds.compactMap { try? $0.entryAndExit(state) } + kinds.prefix(1).compactMap { try? $0.entryOnly(state) }
        return templates.map { template in template.holes.filter { $0.hole == .body }.map(\.offset) }
    }

    private static func runs(
        _ address: UInt64, _ full: StubTemplate, _ fullCount: Int, _ short: StubTemplate, _ shortCount: Int
    ) -> [StubRun] {
        let first = address &+ UInt64(stubsOffset)
        let codes = address &+ UInt64(frameCodesOffset)
        return [
            StubRun(
                start: first, stubCount: fullCount, stride: stride(full), frameCodes: codes, frames: full.armFrames),
            StubRun(
                start: first &+ UInt64(fullCount * stride(full)), stubCount: shortCount, stride: stride(short),
                frameCodes: codes &+ UInt64(stride(full)), frames: short.armFrames),
        ]
    }

    private static func head(
        _ agent: AgentAddresses, _ full: StubTemplate, _ short: StubTemplate, _ isa: InstructionSet
    ) throws(StubError) -> [UInt8] {
        var writer = ByteWriter()
        for value in [agent.enter, agent.record, agent.leave, agent.personality, 0, 0, agent.clock] {
            writer.fixed(value)
        }
        var bytes = writer.bytes
        do {
            // 32-bit Arm: index tables name a personality that is no farther than 1 GiB.
            bytes +=
                isa == .a32 || isa == .t32
                ? try A32StubInstruction.loadLiteral(
                    15, Int64(Bundle.ArenaOffset.personality - Bundle.ArenaOffset.personalityWay)
                ).encodedBytes() : []
            bytes += Array(repeating: 0, count: ArenaThunks.offset - bytes.count)
            bytes += try ArenaThunks.bytes(isa)
        } catch {
            throw .unencodable("\(error)")
        }
        bytes += Array(repeating: 0, count: frameCodesOffset - bytes.count)
        for template in [full, short] where isa != .a64 {
            bytes += template.frames
            bytes += Array(repeating: 0, count: stride(template) - template.frames.count)
        }
        precondition(bytes.count <= stubsOffset, "the frame codes of two stubs fit before the stubs")
        bytes += Array(repeating: 0, count: stubsOffset - bytes.count)
        return bytes
    }

    /// - Parameter code: the template's bytes, padded to its stride.
    private static func append(
        _ template: StubTemplate, _ code: [UInt8], _ request: StubRequest, arena: UInt64, _ isa: InstructionSet,
        to bytes: inout [UInt8]
    ) throws(StubError) {
        let start = bytes.count
        bytes.append(contentsOf: code)
        for (offset, hole, form) in template.holes {
            let at = arena &+ UInt64(start + offset)
            let target: UInt64
            switch hole {
            case .entryWord:
                target = UInt64(
                    EventWord.upperHalf(kind: request.hasExit ? .entry : .entryOnly, payload: request.function))
            case .exitWord: target = UInt64(EventWord.upperHalf(kind: .exit, payload: request.function))
            case .thunk(let thunk): target = arena &+ UInt64(ArenaThunks.place(thunk))
            case .body: target = request.body
            }
            let value = try form.value(of: target, at: at, isa)
            bytes.withUnsafeMutableBytes {
                $0.storeBytes(of: value.littleEndian, toByteOffset: start + offset, as: UInt32.self)
            }
        }
    }
}

extension StubHoleForm {
    /// The four bytes that a hole at `at` is filled with.
    func value(of target: UInt64, at: UInt64, _ isa: InstructionSet) throws(StubError) -> UInt32 {
        let distance = Int64(bitPattern: target &- at)
        do {
            switch self {
            case .number: return UInt32(truncatingIfNeeded: target)
            case .distance:
                guard let near = Int32(exactly: distance - 4) else { throw StubError.outOfRange(distance, isa) }
                return UInt32(bitPattern: near)
            case .branch where isa == .a64: return try A64Instruction.branch(distance).encoded()
            case .branch: return try A32Instruction.branch(distance).encoded()
            case .branchLink where isa == .a64: return try A64Instruction.branchLink(distance).encoded()
            case .branchLink: return try A32Instruction.branchLink(distance).encoded()
            case .branchLinkThumb: return try A32StubInstruction.branchLinkThumb(distance).encoded()
            case .address: return UInt32(truncatingIfNeeded: isa == .t32 ? target | 1 : target)
            }
        } catch {
            throw .outOfRange(distance, isa)
        }
    }
}

public enum StubError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The arena lies farther from a site than a branch reaches; bytes.
    case outOfRange(Int64, InstructionSet)
    /// An instruction of a stub has no room for what it needs; the reason ends the sentence.
    case unencodable(String)

    public var description: String {
        switch self {
        case .outOfRange(let distance, let isa):
            "a site lies \(distance) bytes from its stub, but a branch reaches \(isa.branchReachText)"
        case .unencodable(let reason): "no stub can be made: \(reason)"
        }
    }
}
