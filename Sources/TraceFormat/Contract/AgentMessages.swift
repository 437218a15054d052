/// The messages between agent and host, over one SOCK_SEQPACKET socket a process.
///
/// Shape:  64 bytes: kind u64, then seven u64 fields `a`...`g`; a text (path, sentence) may follow.
/// Order:
/// ```
/// agent: hello               host: session (+ shared memory fd)   or  refuse (text)
/// agent: module*, modules    host: (arm (+ bundle fd), agent: mapped)*, armed
/// agent: done
/// ```
/// `module*, modules` ... `done` is repeated whenever the list of loaded modules has changed.
///
/// While a program is controlled live, a helper thread of the agent has a socket of its own:
/// ```
/// helper: helper
/// host: arm (+ bundle fd)  -> mapped      host: run (+ plan fd)  -> ran
/// host: release            -> released    host: detach           -> detached
/// host: dismiss (or the end of the connection)
/// ```
/// A command (`nopal enable`, ...) sends one `request` to the host's same socket and gets one `reply`.
/// Whoever gets anything else than what may come next ends the connection.
public enum AgentMessage {
    public static let version: UInt64 = 4
    public static let headByteCount = 64
    public static let maximumTextByteCount = 4096
    public static let maximumByteCount = headByteCount + maximumTextByteCount

    public enum Kind: UInt64, Sendable {
        /// a version, b pid, c parent's pid, d thread-state offset from the thread pointer (signed),
        /// e, f, g addresses of the slow paths enter, record, leave; text: u64 each: address of
        /// the personality; 1 after a fork, 2 attached to; tasks in the process; addresses of the
        /// code that hooked functions jump to (order of `HookedFunction`); where the loader's
        /// `_dl_debug_state` stands; address of the u32 that is 1 while the process records; ticks a
        /// second, 0 where the host reads the same counter; address of what stubs call for the time, 0
        /// where they read the counter themselves; ticks, and CLOCK_MONOTONIC in nanoseconds, of now.
        case hello = 1
        /// a load bias, b address of its dynamic section; text: path, empty for the executable.
        case module = 2
        /// The list is complete. a 1: incremental (these were added); text: nothing.
        case modules = 3
        /// a load bias of a module that is gone.
        case moduleGone = 4
        /// a sites armed, b sites whose bytes were not the expected ones, c errno of the first failure.
        case done = 5
        /// text: what went wrong.
        case complaint = 6
        /// a version, b pid, c 1 when membarrier offers SYNC_CORE, d thread id.
        case helper = 7
        /// a 1 when the arena is mapped; else another thread has taken its place.
        case mapped = 8
        /// a `RunResult`, b stores made, c nanoseconds, d nanoseconds of the longest core sync,
        /// e address that other bytes than the expected ones stood at.
        case ran = 9
        /// a 1 when the arena is unmapped.
        case released = 10
        case detached = 11

        /// a how many blocks the shared memory has room for, b the host's pid,
        /// c the depth limit or 0, d `SessionFlags`.
        case session = 16
        /// text: why not.
        case refuse = 17
        /// One module's bundle (see `Bundle`).
        case arm = 18
        /// Every bundle was sent. a 1: nobody else runs, write the hooks (else the host does),
        /// b address of `__register_frame_info` or `__register_frame` or 0, c of `_Unwind_GetGR` or 0,
        /// d of what undoes b or 0, e of the dynamic section of an unwinder that is not initialised
        /// yet, or 0, f 1: the function at b takes storage, g load bias of that unwinder;
        /// text: hooks of `Hook.byteCount` bytes each.
        case armed = 19
        /// The plan's fd comes along (see `Bundle`).
        case run = 20
        /// a address of an arena that no thread can be inside of.
        case release = 21
        /// a 1: no thread uses the shared memory any more, unmap it.
        case detach = 22
        case dismiss = 23

        /// From a command. a `Verb`, b pid, c protocol (0 any, else 1 + its place in
        /// single store, breakpoint, stopped), d 1: strict; text: globs, each ended by a zero byte.
        case request = 32
        /// To a command. a 0, or the exit status to end with; text: a sentence, or nothing;
        /// with a 0, the fd of a file in memory that holds the answer as JSON.
        case reply = 33
    }
}

/// What a command asks of the host of a session.
public enum Verb: UInt64, Sendable {
    case enable = 1
    case disable = 2
    case status = 3
    case detach = 4
}

/// How the agent ended a plan.
public enum RunResult: UInt64, Sendable {
    case done = 0
    /// The message or the plan is not one that the agent runs; nothing was stored.
    case malformed = 1
    /// Other bytes than the expected ones stand in memory; nothing was stored.
    case unexpected = 2
    /// The text can't be made writable; nothing was stored.
    case closedText = 3
    /// The kernel has no SYNC_CORE for this process; nothing was stored.
    case noCoreSync = 4
    /// The program has replaced the handler of SIGTRAP; nothing was stored.
    case noTraps = 5
}

/// A function of libc or the loader that the agent follows; the values stand in `armed`.
public enum HookedFunction: Int, Sendable {
    case execve = 0
    case fork = 1
    case clone = 2
    case systemCall = 3
    case modulesChanged = 4
}

/// Shape: u64 each: `HookedFunction`, its address, where its hook goes on, its first bytes (eight on x86-64, four
/// on Arm). On Arm a branch does not reach the agent: then follow the page that a way to it is to be put in, the
/// branch there (four bytes), and the code of that way, filled with zeros.
public enum Hook {
    public static let wayOffset = 48
    public static let wayByteCount = 144
    public static let byteCount = wayOffset + wayByteCount
    public static let jumpByteCount = 5
}

/// Field d of message `session`.
public enum SessionFlags {
    /// The host can't start a thread in this process: start a helper once the first modules are armed.
    public static let startHelper: UInt64 = 1
}
