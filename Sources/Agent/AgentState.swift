import AgentShims

/// What the agent knows, once a process. Written while the process starts, forks, or loads a
/// module (one thread at a time, signals blocked); read by every traced thread.
enum AgentState {
    /// Address of the session's shared memory; 0 when nothing is recorded.
    nonisolated(unsafe) static var memory: UInt64 = 0
    nonisolated(unsafe) static var blocks: UInt64 = 0
    nonisolated(unsafe) static var mappedBlockCount: UInt32 = 0
    nonisolated(unsafe) static var process: UInt32 = 0
    nonisolated(unsafe) static var hostProcess: UInt32 = 0
    /// Calls deeper than this are not recorded; 0 for no limit.
    nonisolated(unsafe) static var depthLimit: UInt64 = 0
    nonisolated(unsafe) static var socket: Int64 = -1
    nonisolated(unsafe) static var socketInode: UInt64 = 0
    /// 1 once the host was found to be gone and the sites were switched off.
    nonisolated(unsafe) static var isDisarmed: UInt32 = 0

    /// The main thread's stack lies in these bounds.
    nonisolated(unsafe) static var mainStackLow: UInt64 = 0
    nonisolated(unsafe) static var mainStackHigh: UInt64 = 0

    /// A page that the kernel empties in forked children; 0 when there is none.
    nonisolated(unsafe) static var forkMarker: UInt64 = 0

    /// One private mapping with all tables below; 0 before the start.
    nonisolated(unsafe) static var tables: UInt64 = 0
    nonisolated(unsafe) static var bundleCount: UInt32 = 0
    nonisolated(unsafe) static var moduleCount: UInt32 = 0
    nonisolated(unsafe) static var shadowCount: UInt32 = 0
    nonisolated(unsafe) static var shadowProbe: UInt32 = 0

    /// `__register_frame_info` or `__register_frame`, and `_Unwind_GetGR`; 0 when there are none.
    nonisolated(unsafe) static var registerFrame: UInt64 = 0
    nonisolated(unsafe) static var registerTakesStorage = false
    nonisolated(unsafe) static var getRegister: UInt64 = 0
    nonisolated(unsafe) static var originalUnwinderInit: UInt64 = 0
    /// Where a hooked `execve` goes on; 0 while it is not hooked.
    nonisolated(unsafe) static var execResume: UInt64 = 0
    nonisolated(unsafe) static var registeredCount: UInt32 = 0

    static func field(_ offset: Int) -> UInt64 { memory &+ UInt64(truncatingIfNeeded: offset) }
}

/// The fixed tables of the agent, in one private mapping made at the start.
enum Tables {
    static let pathByteCount: UInt64 = 4096
    static let agentPath: UInt64 = 0
    static let sessionPath: UInt64 = 4096
    static let message: UInt64 = 8192  // two pages
    static let bundles: UInt64 = 16384
    static let bundleCapacity: UInt32 = 1024
    static let bundleByteCount: UInt64 = 128
    static let modules: UInt64 = bundles &+ 1024 &* 128
    static let moduleCapacity: UInt32 = 4096
    static let moduleByteCount: UInt64 = 16
    static let shadows: UInt64 = modules &+ 4096 &* 16
    static let shadowCapacity: UInt32 = 65536
    static let shadowByteCount: UInt64 = 16
    static let byteCount: UInt64 = shadows &+ 65536 &* 16

    static func address(_ offset: UInt64) -> UInt64 { AgentState.tables &+ offset }
}

/// One armed module: its arena and the table of its sites.
///
/// Shape: arena start, arena end, site table, site count, unwind table, load bias,
/// 1 when the module is gone, then storage for the unwinder (8 words).
struct BundleEntry {
    let at: UInt64

    init(_ index: UInt32) { at = Tables.address(Tables.bundles) &+ UInt64(index) &* Tables.bundleByteCount }

    var start: UInt64 { nopal_load64(at) }
    var end: UInt64 { nopal_load64(at &+ 8) }
    var sites: UInt64 { nopal_load64(at &+ 16) }
    var siteCount: UInt64 { nopal_load64(at &+ 24) }
    var unwindTable: UInt64 { nopal_load64(at &+ 32) }
    var bias: UInt64 { nopal_load64(at &+ 40) }
    var isGone: Bool { nopal_load64(at &+ 48) != 0 }
    var unwinderStorage: UInt64 { at &+ 64 }

    func set(start: UInt64, end: UInt64, sites: UInt64, siteCount: UInt64, unwindTable: UInt64, bias: UInt64) {
        nopal_store64(at, start)
        nopal_store64(at &+ 8, end)
        nopal_store64(at &+ 16, sites)
        nopal_store64(at &+ 24, siteCount)
        nopal_store64(at &+ 32, unwindTable)
        nopal_store64(at &+ 40, bias)
        nopal_store64(at &+ 48, 0)
    }

    func setGone() { nopal_store64(at &+ 48, 1) }

    /// Whether an address lies in any arena: then it is the return address of a stub.
    static func anyContains(_ address: UInt64) -> Bool {
        for index in 0..<AgentState.bundleCount {
            let entry = BundleEntry(index)
            if address >= entry.start && address < entry.end { return true }
        }
        return false
    }
}
