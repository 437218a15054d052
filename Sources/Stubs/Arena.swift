import MachineCode
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
    public var state: ThreadStateLayout

    public init(enter: UInt64, record: UInt64, leave: UInt64, personality: UInt64, state: ThreadStateLayout) {
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
/// 64    three thunks of 16 bytes
/// 128   frame codes of both kinds of stub, one byte for each byte of code
/// 1024  stubs with an exit, then stubs without, each at a multiple of 16
/// ...   the unwind table, .eh_frame format; then an image for debuggers
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

    static let thunksOffset = 64
    static let thunkByteCount = 16
    static let frameCodesOffset = 128
    static let stubsOffset = 1024

    /// The size that an arena for so many sites takes at most; what must be found free near them.
    public static func byteCount(siteCount: Int) -> Int {
        let template = StubTemplate.entryAndExit(ThreadStateLayout(base: 0), depthLimited: true)
        let used = stubsOffset + siteCount * stride(template) + maximumTablesByteCount
        return (used + 4095) / 4096 * 4096
    }

    /// Unwind table and debugger's image, which holds it once more.
    private static let maximumTablesByteCount = 2 * UnwindTable.maximumByteCount + 1024

    private static func note(imageOffset: Int, byteCount: Int, in bytes: inout [UInt8]) {
        var writer = ByteWriter()
        writer.fixed(UInt64(imageOffset))
        writer.fixed(UInt64(byteCount))
        for (index, byte) in writer.bytes.enumerated() { bytes[Bundle.ArenaOffset.imageOffset + index] = byte }
    }

    private static func stride(_ template: StubTemplate) -> Int { (template.bytes.count + 15) / 16 * 16 }

    /// Generates the arena.
    ///
    /// Throws: `.outOfRange` when a site is farther from the arena than a branch reaches.
    public init(
        at address: UInt64, agent: AgentAddresses, requests: [StubRequest], depthLimited: Bool = false
    ) throws(StubError) {
        let full = StubTemplate.entryAndExit(agent.state, depthLimited: depthLimited)
        let short = StubTemplate.entryOnly(agent.state)
        var bytes = Arena.head(agent, full, short)
        bytes.reserveCapacity(Arena.byteCount(siteCount: requests.count))
        var stubs = [UInt64](repeating: 0, count: requests.count)
        for template in [full, short] {
            let code = template.bytes + Array(repeating: 0xcc, count: Arena.stride(template) - template.bytes.count)
            for (index, request) in requests.enumerated() where request.hasExit == (template.returnOffset != nil) {
                stubs[index] = address &+ UInt64(bytes.count)
                try Arena.append(template, code, request, arena: address, to: &bytes)
            }
        }
        stubRange = address &+ UInt64(Arena.stubsOffset)..<address &+ UInt64(bytes.count)
        unwindTableOffset = bytes.count
        let fullCount = requests.count { $0.hasExit }
        let unwindTable = UnwindTable.bytes(
            runs: Arena.runs(address, full, fullCount, short, requests.count - fullCount),
            personality: agent.personality)
        let image = DebuggerImage.bytes(
            stubs: stubRange, unwindTable: unwindTable, unwindTableAddress: address &+ UInt64(unwindTableOffset))
        bytes += unwindTable
        Arena.note(imageOffset: bytes.count, byteCount: image.count, in: &bytes)
        bytes += image
        self.bytes = bytes
        self.stubs = stubs
    }

    /// Where stubs keep the distance to their body: for each kind of stub, offsets of four bytes each that count
    /// from their own end.
    public static func bodyHoles() -> [[Int]] {
        let state = ThreadStateLayout(base: 0)
        return [
            StubTemplate.entryAndExit(state), .entryAndExit(state, depthLimited: true), .entryOnly(state),
        ].map { template in template.holes.filter { $0.hole == .body }.map(\.offset) }
    }

    private static func runs(
        _ address: UInt64, _ full: StubTemplate, _ fullCount: Int, _ short: StubTemplate, _ shortCount: Int
    ) -> [StubRun] {
        let first = address &+ UInt64(stubsOffset)
        let codes = address &+ UInt64(frameCodesOffset)
        return [
            StubRun(start: first, stubCount: fullCount, stride: stride(full), frameCodes: codes),
            StubRun(
                start: first &+ UInt64(fullCount * stride(full)), stubCount: shortCount, stride: stride(short),
                frameCodes: codes &+ UInt64(stride(full))),
        ]
    }

    private static func head(_ agent: AgentAddresses, _ full: StubTemplate, _ short: StubTemplate) -> [UInt8] {
        var writer = ByteWriter()
        for value in [agent.enter, agent.record, agent.leave, agent.personality] { writer.fixed(value) }
        var bytes = writer.bytes
        bytes += Array(repeating: 0, count: thunksOffset - bytes.count)
        for thunk in StubThunk.allCases {
            let after = thunksOffset + thunk.rawValue * thunkByteCount + 6
            var code = X86Instruction.jumpMemory(.rip(Int32(thunk.rawValue * 8 - after))).encoded
            while code.count < thunkByteCount { code += X86Instruction.breakpoint.encoded }
            bytes += code
        }
        bytes += Array(repeating: 0, count: frameCodesOffset - bytes.count)
        for template in [full, short] {
            bytes += template.frames
            bytes += Array(repeating: 0, count: stride(template) - template.frames.count)
        }
        precondition(bytes.count <= stubsOffset, "the frame codes of two stubs fit before the stubs")
        bytes += Array(repeating: 0, count: stubsOffset - bytes.count)
        return bytes
    }

    /// - Parameter code: the template's bytes, padded to its stride.
    private static func append(
        _ template: StubTemplate, _ code: [UInt8], _ request: StubRequest, arena: UInt64, to bytes: inout [UInt8]
    ) throws(StubError) {
        let start = bytes.count
        bytes.append(contentsOf: code)
        for (offset, hole) in template.holes {
            let after = UInt64(start + offset + 4)
            let value: UInt32
            switch hole {
            case .entryWord:
                value = EventWord.upperHalf(
                    kind: request.hasExit ? .entry : .entryOnly, payload: request.function)
            case .exitWord:
                value = EventWord.upperHalf(kind: .exit, payload: request.function)
            case .thunk(let thunk):
                value = UInt32(truncatingIfNeeded: thunksOffset + thunk.rawValue * thunkByteCount - Int(after))
            case .body:
                let distance = Int64(bitPattern: request.body &- (arena &+ after))
                guard let near = Int32(exactly: distance) else { throw .outOfRange(distance) }
                value = UInt32(bitPattern: near)
            }
            bytes.withUnsafeMutableBytes {
                $0.storeBytes(of: value.littleEndian, toByteOffset: start + offset, as: UInt32.self)
            }
        }
    }
}

public enum StubError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The arena lies farther from a site than a 32-bit displacement reaches; bytes.
    case outOfRange(Int64)

    public var description: String {
        switch self {
        case .outOfRange(let distance):
            "a site lies \(distance) bytes from its stub, but a branch reaches 2 GiB"
        }
    }
}
