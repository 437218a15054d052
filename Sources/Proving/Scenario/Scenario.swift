import MachineCode
import Patching

/// A site as the checker sees it: where it is entered, and what each of its forms does.
public struct SiteModel: Equatable, Sendable {
    public var entry: UInt64
    /// The window: entry up to where the body begins.
    public var window: Range<UInt64>
    /// By form: what a visit shows, in order.
    public var effects: [[Effect]]
    /// Index into `effects` of what stands there at first.
    public var form: Int
    /// By form: what stands in the window; empty where that is not checked.
    public var bytes: [[UInt8]]

    public init(
        window: Range<UInt64>, entry: UInt64? = nil, effects: [[Effect]], form: Int = 0, bytes: [[UInt8]] = []
    ) {
        self.bytes = bytes
        self.entry = entry ?? window.lowerBound
        self.window = window
        self.effects = effects
        self.form = form
    }
}

/// What a processor's caches leave to be done by who writes code: {DIC, IDC} of CTR_EL0.
public enum CacheKind: String, Equatable, Hashable, Sendable, CaseIterable {
    /// Data caches are to be cleaned, instruction caches to be invalidated.
    case none
    /// Data caches need no cleaning to the point of unification.
    case idc
    /// And instruction caches need no invalidation.
    case dicIdc = "dic+idc"
}

/// Something the patching side does, as a whole.
public enum ScenarioAction: Equatable, Sendable {
    /// Runs a plan that brings sites into other forms: (site, form) by index.
    ///
    /// - Parameter meanwhile: forms that a visit may show as well which meets the plan half way; a bit each.
    case run(Plan, becomes: [Int: Int], meanwhile: [Int: UInt8] = [:])
    /// Gives memory of stubs back. The executor looks whether a thread is inside, or will return there, or stands
    /// in `around`; a careless one does not look.
    case release(Range<UInt64>, looks: Bool, around: [Range<UInt64>] = [])
}

/// Everything that the checker explores at once: memory, lawful instructions, sites, threads, and what the patching
/// side does from beginning to end.
public struct Scenario: Equatable, Sendable {
    public var isa: InstructionSet
    /// x86-64: the aligned granule in which a processor fetches, in bytes: a power of 2.
    public var granuleByteCount = 8
    /// A64 only; 32-bit Arm always has the weakest kind.
    public var caches: CacheKind = .none
    public var threadCount = 2
    /// What stands in memory at first; no overlaps.
    public var memory: [(start: UInt64, bytes: [UInt8])] = []
    public var instructions: [ModelInstruction] = []
    public var sites: [SiteModel] = []
    public var actions: [ScenarioAction] = []
    /// Data that stubs read; it is to be seen by whoever gets there.
    public var stubData: [UInt64] = []
    /// Assumption under test: who has run the new form of the second site, written last, never runs the old form of the
    /// first.
    public var assumesOrder = false

    public init(isa: InstructionSet) { self.isa = isa }

    public static func == (a: Scenario, b: Scenario) -> Bool {
        a.isa == b.isa && a.granuleByteCount == b.granuleByteCount && a.caches == b.caches
            && a.threadCount == b.threadCount && a.instructions == b.instructions && a.sites == b.sites
            && a.actions == b.actions && a.stubData == b.stubData && a.assumesOrder == b.assumesOrder
            && a.memory.elementsEqual(b.memory) { $0.start == $1.start && $0.bytes == $1.bytes }
    }
}
