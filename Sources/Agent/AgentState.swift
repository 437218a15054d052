import AgentShims

/// What the agent knows, once a process. Written while the process starts, forks, or loads a
/// module (one thread at a time, signals blocked); read by every traced thread.
enum AgentState {
    /// Address of the session's shared memory; 0 before the first session. It stays mapped for as
    /// long as a thread may hold a block of it.
    nonisolated(unsafe) static var memory: UInt64 = 0
    nonisolated(unsafe) static var memoryByteCount: UInt64 = 0
    /// 1 while the process belongs to a session. The host clears it while all threads are stopped.
    nonisolated(unsafe) static var recording: UInt32 = 0
    nonisolated(unsafe) static var blocks: UInt64 = 0
    nonisolated(unsafe) static var mappedBlockCount: UInt32 = 0
    nonisolated(unsafe) static var process: UInt32 = 0
    nonisolated(unsafe) static var hostProcess: UInt32 = 0
    /// There is no host: see `Standalone`.
    nonisolated(unsafe) static var isStandalone = false
    /// Pairs of plans, off and on, in the order of the arenas; see `StandaloneWindows`.
    nonisolated(unsafe) static var windowPlans: UInt64 = 0
    nonisolated(unsafe) static var windowPlanCount: UInt32 = 0
    nonisolated(unsafe) static var windowCount: UInt32 = 0
    nonisolated(unsafe) static var windowOnNanos: Int64 = 0
    nonisolated(unsafe) static var windowOffNanos: Int64 = 0
    /// The host can't start a helper: the process does so itself.
    nonisolated(unsafe) static var startsHelper = false
    /// Calls deeper than this are not recorded; 0 for no limit.
    nonisolated(unsafe) static var depthLimit: UInt64 = 0
    nonisolated(unsafe) static var socket: Int64 = -1
    /// The helper thread's own connection; -1 while there is none.
    nonisolated(unsafe) static var helperSocket: Int64 = -1
    /// Address of the plan that the helper runs or ran last; see `LivePlan`.
    nonisolated(unsafe) static var livePlan: UInt64 = 0
    /// Steps of it that are done; all ones when nothing is running.
    nonisolated(unsafe) static var livePosition = ~UInt64(0)
    /// 1 from before its text is made writable until it no longer is.
    nonisolated(unsafe) static var isTextOpen: UInt32 = 0
    /// Threads that are looking for a trap in it.
    nonisolated(unsafe) static var trapReaders: UInt32 = 0
    /// 1 once the host was found to be gone and the sites were switched off.
    nonisolated(unsafe) static var isDisarmed: UInt32 = 0

    /// The main thread's stack lies in these bounds.
    nonisolated(unsafe) static var mainStackLow: UInt64 = 0
    nonisolated(unsafe) static var mainStackHigh: UInt64 = 0

    /// A page that the kernel empties in forked children; 0 when there is none.
    nonisolated(unsafe) static var forkMarker: UInt64 = 0
    /// The page tells nothing here: the process's number does.
    nonisolated(unsafe) static var comparesProcess = false

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
    /// True once libc runs `Forking.begin` in forked children.
    nonisolated(unsafe) static var hearsOfForks = false
    /// True once the unwinder was told of the arenas there were.
    nonisolated(unsafe) static var isUnwinderReady = false
    nonisolated(unsafe) static var deregisterFrame: UInt64 = 0

    static var isRecording: Bool { nopal_load32(recordingAddress) != 0 }
    static func setRecording(_ isRecording: Bool) { nopal_store32(recordingAddress, isRecording ? 1 : 0) }

    static var recordingAddress: UInt64 {
        withUnsafeMutablePointer(to: &recording) { System.word($0) }
    }

    static func field(_ offset: Int) -> UInt64 { memory &+ UInt64(truncatingIfNeeded: offset) }
}

/// The fixed tables of the agent, in one private mapping made at the start.
enum Tables {
    static let pathByteCount: UInt64 = 4096
    static let agentPath: UInt64 = 0
    static let sessionPath: UInt64 = 4096
    static let message: UInt64 = 8192  // two pages
    static let helperMessage: UInt64 = 16384  // two pages
    static let bundles: UInt64 = 24576
    static let bundleCapacity: UInt32 = 1024
    static let bundleByteCount: UInt64 = 192
    static let modules: UInt64 = bundles &+ 1024 &* 192
    static let moduleCapacity: UInt32 = 4096
    static let moduleByteCount: UInt64 = 16
    static let shadows: UInt64 = modules &+ 4096 &* 16
    static let shadowCapacity: UInt32 = 65536
    static let shadowByteCount: UInt64 = 16
    static let byteCount: UInt64 = shadows &+ 65536 &* 16

    static func address(_ offset: UInt64) -> UInt64 { AgentState.tables &+ offset }
}
