/// What the small chunks carry. Each record writes itself with `ByteWriter` and reads itself with
/// `ByteReader`; fields are only ever appended, and a reader gives an absent tail its default.

/// Chunk `session`: the first chunk, one a file.
public struct SessionRecord: Equatable, Sendable {
    public var nopalVersion: String
    public var hostName: String
    public var kernel: String
    public var commandLine: [String]
    /// CLOCK_REALTIME at the start, nanoseconds.
    public var startRealtimeNanos: UInt64
    public var whenFull: WhenFull
    public var bufferByteCount: UInt64
    /// The options that chose functions, as typed: "-F", "main*", ...
    public var filters: [String]
    /// False with --no-exits: no function has exits.
    public var recordsExits: Bool

    public init(
        nopalVersion: String, hostName: String = "", kernel: String = "",
        commandLine: [String] = [], startRealtimeNanos: UInt64 = 0, whenFull: WhenFull = .wait,
        bufferByteCount: UInt64 = 0, filters: [String] = [], recordsExits: Bool = true
    ) {
        self.nopalVersion = nopalVersion
        self.hostName = hostName
        self.kernel = kernel
        self.commandLine = commandLine
        self.startRealtimeNanos = startRealtimeNanos
        self.whenFull = whenFull
        self.bufferByteCount = bufferByteCount
        self.filters = filters
        self.recordsExits = recordsExits
    }
}

/// A function that events can name.
public struct FunctionRecord: Equatable, Sendable {
    /// 1..., unique in the trace; the payload of its event words.
    public var id: UInt32
    /// The linkage name as the symbol table has it (mangled).
    public var name: String
    /// Link-time address in its module.
    public var address: UInt64
    public var byteCount: UInt64
    /// False where only entries are traced (see the ledger for the reason).
    public var hasExits: Bool

    public init(id: UInt32, name: String, address: UInt64, byteCount: UInt64, hasExits: Bool = true) {
        self.id = id
        self.name = name
        self.address = address
        self.byteCount = byteCount
        self.hasExits = hasExits
    }
}

/// Why a number of sites of a module is not traced, or is traced in part.
public struct SiteTally: Equatable, Sendable {
    /// A short fixed phrase, e.g. "not selected", "branch into the prologue".
    public var reason: String
    public var count: UInt64
    /// A few function names, for a person to look at.
    public var examples: [String]

    public init(reason: String, count: UInt64, examples: [String] = []) {
        self.reason = reason
        self.count = count
        self.examples = examples
    }
}

/// Chunk `module`: a binary whose functions appear in the trace, and its part of the ledger.
public struct ModuleRecord: Equatable, Sendable {
    /// 0..., unique in the trace.
    public var index: UInt32
    public var path: String
    public var buildID: [UInt8]
    public var siteCount: UInt64
    public var tracedCount: UInt64
    public var notTraced: [SiteTally]
    public var functions: [FunctionRecord]

    public init(
        index: UInt32, path: String, buildID: [UInt8] = [], siteCount: UInt64 = 0,
        tracedCount: UInt64 = 0, notTraced: [SiteTally] = [], functions: [FunctionRecord] = []
    ) {
        self.index = index
        self.path = path
        self.buildID = buildID
        self.siteCount = siteCount
        self.tracedCount = tracedCount
        self.notTraced = notTraced
        self.functions = functions
    }
}

/// How a process came into the trace.
public enum ProcessOrigin: UInt32, Sendable {
    case started = 0
    case forked = 1
    case executed = 2
    case attached = 3
}

/// Chunk `process`: a process began; a second record with `hasEnded` gives its end.
public struct ProcessRecord: Equatable, Sendable {
    public var process: UInt32
    public var parent: UInt32
    public var origin: ProcessOrigin
    public var executable: String
    public var tick: UInt64
    public var hasEnded: Bool

    public init(
        process: UInt32, parent: UInt32, origin: ProcessOrigin, executable: String, tick: UInt64,
        hasEnded: Bool = false
    ) {
        self.process = process
        self.parent = parent
        self.origin = origin
        self.executable = executable
        self.tick = tick
        self.hasEnded = hasEnded
    }
}

/// Chunk `load`: a process mapped a module (or unmapped it again).
public struct LoadRecord: Equatable, Sendable {
    public var process: UInt32
    public var moduleIndex: UInt32
    /// What to add to a link-time address.
    public var bias: UInt64
    public var tick: UInt64
    public var isUnload: Bool

    public init(process: UInt32, moduleIndex: UInt32, bias: UInt64, tick: UInt64, isUnload: Bool = false) {
        self.process = process
        self.moduleIndex = moduleIndex
        self.bias = bias
        self.tick = tick
        self.isUnload = isUnload
    }
}

/// Chunk `thread`: written when its first block arrives; a later record of the same serial
/// replaces it (a thread may have been renamed).
public struct ThreadRecord: Equatable, Sendable {
    public var serial: UInt32
    public var process: UInt32
    public var thread: UInt32
    public var name: String

    public init(serial: UInt32, process: UInt32, thread: UInt32, name: String) {
        self.serial = serial
        self.process = process
        self.thread = thread
        self.name = name
    }
}

/// Chunk `clockFit`: one moment on three clocks. The first and the last are the widest apart.
public struct ClockFitRecord: Equatable, Sendable {
    public var tick: UInt64
    public var monotonicNanos: UInt64
    public var realtimeNanos: UInt64

    public init(tick: UInt64, monotonicNanos: UInt64, realtimeNanos: UInt64) {
        self.tick = tick
        self.monotonicNanos = monotonicNanos
        self.realtimeNanos = realtimeNanos
    }
}

/// Chunk `ledger`: what the whole session lost or waited for, written at the end.
public struct LedgerRecord: Equatable, Sendable {
    public var lostEvents: UInt64
    public var waitedNanos: UInt64
    /// Sentences for a person: what went wrong or was left out.
    public var notes: [String]
    /// The first program's wait status, as `waitpid` gave it; nil when it is not known.
    public var waitStatus: Int32?

    public init(lostEvents: UInt64 = 0, waitedNanos: UInt64 = 0, notes: [String] = [], waitStatus: Int32? = nil) {
        self.lostEvents = lostEvents
        self.waitedNanos = waitedNanos
        self.notes = notes
        self.waitStatus = waitStatus
    }
}
