import MachineCode
import Patching
import Programs
import Stubs
import TraceFormat

/// An arena that is made before its process: its bytes, and where they depend on what nobody knows yet.
///
/// Found by making it again with other numbers: what differs is what depends on them. Nothing else may.
struct PreparedArena {
    let distance: Int64
    let bytes: [UInt8]
    let unwindOffset: Int
    /// See `StandalonePlan.Arena`.
    let biasWords: [UInt32]
    let stateWords: [UInt32]
    let personality: Int
    let steps: [UInt64]
    let sites: [UInt64]
    let windows: PreparedWindows?

    /// What an arena is made for.
    struct Request {
        var sites: [TracedModule.TracedSite]
        var image: ModuleImage
        /// The pages of their text, link-time.
        var text: Range<UInt64>
        var kind: StubKind
        /// Nil when its sites are not to be switched while threads run.
        var windows: Preparation.Windows?

        var isFixed: Bool { image.kind == .executable(isPIE: false) }
        /// Where the module is made to lie meanwhile.
        var base: UInt64 { isFixed ? 0 : 0x4000_0000 }
    }

    private struct Unknowns {
        var base: UInt64
        var state: Int32 = 64
        var personality: UInt64 = 0x1111_1111_1111_1111
    }

    /// Throws: what arenas and plans throw, such as a branch that does not reach; `.badFile` when a number of the process
    /// stands somewhere unexpected.
    init(_ request: Request, distance: Int64) throws {
        let first = Unknowns(base: request.base)
        let arena = try Self.arena(request, distance, first)
        self.distance = distance
        unwindOffset = arena.unwindTableOffset
        biasWords = try Self.biasWords(request, distance, first, arena)
        bytes = Self.padded(Self.linkTime(arena.bytes, biasWords, request.base))
        stateWords = try Self.stateWords(request, distance, first, arena)
        personality = try Self.personality(request, distance, first, arena)
        let assignments = zip(request.sites, arena.stubs).map {
            SiteAssignment(site: $0.patch, bias: request.base, stub: $1, isOn: true)
        }
        steps = Self.linkTime(
            PlanFile.words(try ExclusivePlanner.plan(assignments)), every: 4, at: 1, request.base)
        sites = try zip(request.sites, arena.stubs).flatMap { site, stub in
            [site.patch.address, try BundleFile.toggle(site.patch, request.base, stub)]
        }
        windows = request.windows != nil ? try PreparedWindows(request, assignments) : nil
    }

    /// Takes the base from an address of each record; 0 stands for none.
    static func linkTime(_ words: [UInt64], every stride: Int, at place: Int, _ base: UInt64) -> [UInt64] {
        words.enumerated().map { $0 % stride == place && $1 != 0 ? $1 &- base : $1 }
    }

    /// The same for words of an arena.
    private static func linkTime(_ bytes: [UInt8], _ words: [UInt32], _ base: UInt64) -> [UInt8] {
        var bytes = bytes
        for word in words {
            let (start, width) = (Int(word & ~(1 << 31)), word >> 31 != 0 ? 8 : 4)
            let moved = number(bytes, start, width) &- base
            for index in 0..<width { bytes[start + index] = UInt8(truncatingIfNeeded: moved >> UInt64(8 * index)) }
        }
        return bytes
    }

    private static func padded(_ bytes: [UInt8]) -> [UInt8] {
        bytes + [UInt8](repeating: 0, count: (4096 - bytes.count % 4096) % 4096)
    }

    private static func arena(_ request: Request, _ distance: Int64, _ unknowns: Unknowns) throws -> Arena {
        // What the head has of the agent is set by the agent itself.
        let agent = AgentAddresses(
            enter: 0, record: 0, leave: 0, personality: unknowns.personality, clock: request.kind.readsCounter ? 0 : 1,
            state: ThreadStateLayout(base: unknowns.state))
        let requests = request.sites.map {
            StubRequest(
                site: $0.patch.address &+ unknowns.base, body: $0.patch.bodyAddress &+ unknowns.base,
                function: $0.function, hasExit: $0.hasExit)
        }
        return try Arena(
            at: unknowns.base &+ UInt64(bitPattern: distance), agent: agent, requests: requests, kind: request.kind)
    }

    /// Where the bytes of two arenas differ, but for the head that the agent sets.
    private static func differences(_ one: Arena, _ other: Arena) throws(ControlError) -> [Int] {
        guard one.bytes.count == other.bytes.count else { throw unexpected(0) }
        return (Bundle.ArenaOffset.personalityWay..<one.bytes.count).filter { one.bytes[$0] != other.bytes[$0] }
    }

    private static func unexpected(_ offset: Int) -> ControlError {
        .badFile("stubs can't be made before their process: at \(offset) stands what depends on it in an unknown way")
    }

    private static func number(_ bytes: [UInt8], _ offset: Int, _ width: Int) -> UInt64 {
        (0..<width).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64(8 * $1) }
    }

    /// The base moves by a number whose lowest two bytes are zero and whose third is not: so a word that depends on it
    /// differs first in its third byte.
    private static func biasWords(
        _ request: Request, _ distance: Int64, _ first: Unknowns, _ arena: Arena
    ) throws -> [UInt32] {
        if request.isFixed { return [] }
        let delta: UInt64 = 0x0101_0000
        var other = first
        other.base += delta
        let moved = try Self.arena(request, distance, other)
        let width = request.kind.isa == .a64 ? 8 : 4
        let mask = width == 8 ? ~UInt64(0) : 0xffff_ffff
        var words: [UInt32] = []
        var end = 0
        for place in try differences(arena, moved) where place >= end {
            let start = place - 2
            guard start >= 0, start + width <= arena.bytes.count,
                number(moved.bytes, start, width) == (number(arena.bytes, start, width) &+ delta) & mask
            else { throw unexpected(place) }
            words.append(UInt32(start) | (width == 8 ? 1 << 31 : 0))
            end = start + width
        }
        return words
    }

    /// Additions of the thread state's offset to a register.
    private static func stateWords(
        _ request: Request, _ distance: Int64, _ first: Unknowns, _ arena: Arena
    ) throws -> [UInt32] {
        var other = first
        other.state = 128
        let moved = try Self.arena(request, distance, other)
        let shift: UInt64 = request.kind.isa == .a64 ? 10 : 0
        var words: [UInt32] = []
        for place in try differences(arena, moved) {
            let start = place & ~3
            if words.last == UInt32(start) { continue }
            let pair = (number(arena.bytes, start, 4), number(moved.bytes, start, 4))
            guard pair.0 >> shift & 0xfff == UInt64(first.state), pair.1 >> shift & 0xfff == UInt64(other.state),
                pair.0 & ~(0xfff << shift) == pair.1 & ~(0xfff << shift)
            else { throw unexpected(place) }
            words.append(UInt32(start))
        }
        return words
    }

    /// The place of its address in the unwind table; 0 where it has none. The copy for debuggers has it as well, who don't
    /// look at it.
    private static func personality(
        _ request: Request, _ distance: Int64, _ first: Unknowns, _ arena: Arena
    ) throws -> Int {
        var other = first
        other.personality = ~first.personality
        let places = try differences(arena, try Self.arena(request, distance, other))
        guard let start = places.first else { return 0 }
        let isWhole = places.prefix(8).elementsEqual(start..<start + 8) && places.count <= 16
        guard isWhole, number(arena.bytes, start, 8) == first.personality else { throw unexpected(start) }
        return start
    }
}
