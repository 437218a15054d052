/// The messages between agent and host, over one SOCK_SEQPACKET socket a process.
///
/// Shape:  64 bytes: kind u64, then seven u64 fields `a`...`g`; a text (path, sentence) may follow.
/// Order:
/// ```
/// agent: hello               host: session (+ shared memory fd)   or  refuse (text)
/// agent: module*, modules    host: arm* (+ bundle fd each), armed
/// agent: done
/// ```
/// `module*, modules` ... `done` is repeated whenever the list of loaded modules has changed.
public enum AgentMessage {
    public static let version: UInt64 = 1
    public static let headByteCount = 64
    public static let maximumTextByteCount = 4096
    public static let maximumByteCount = headByteCount + maximumTextByteCount

    public enum Kind: UInt64, Sendable {
        /// a version, b pid, c parent's pid, d thread-state offset from the thread pointer (signed),
        /// e, f, g addresses of the slow paths enter, record, leave; text: three u64: address of
        /// the personality, 1 after a fork, tasks in the process.
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

        /// a how many blocks the shared memory has room for, b the host's pid,
        /// c the depth limit or 0.
        case session = 16
        /// text: why not.
        case refuse = 17
        /// One module's bundle (see `Bundle`).
        case arm = 18
        /// Every bundle was sent. a address of execve or 0, b of `__register_frame_info` or
        /// `__register_frame` or 0, c of `_Unwind_GetGR` or 0, d 1: hook the loader,
        /// e address of the dynamic section of an unwinder that is not initialised yet, or 0,
        /// f 1: the function at b takes storage, g load bias of that unwinder;
        /// text: addresses of clone, syscall, _Fork, and what undoes b, u64 each, 0 where there is none.
        case armed = 19
    }
}

/// A bundle: one memfd with everything that arms one module.
///
/// ```
/// 0               arena: thunks, stubs, unwind table (mapped read + execute at `address`)
/// arenaByteCount  plan: steps of 32 bytes, then the table of sites (mapped read-only)
/// ```
/// Message `arm`: a address, b arena bytes, c unwind table offset (in the arena), d step count,
/// e count of sites in the table, f text range start, g text range end (runtime addresses);
/// text: the module's load bias, u64.
public enum Bundle {
    /// Step: kind u32 | width u32 | address u64 | value u64 | expected u64.
    public static let stepByteCount = 32
    /// A site of the table: its runtime address u64, with bit 63 set while it is on.
    public static let siteByteCount = 8
    public static let siteOnBit: UInt64 = 1 << 63

    /// An arena begins with the addresses its thunks jump through, u64 each.
    public enum ArenaOffset {
        public static let enter = 0
        public static let record = 8
        public static let leave = 16
        public static let personality = 24
        /// Where the image for debuggers begins, from the arena's start, and its size.
        public static let imageOffset = 32
        public static let imageByteCount = 40
    }
}

/// What one step of a plan does.
public enum StepKind: UInt32, Sendable {
    /// Store `value`, `width` bytes (1, 2, 4 or 8), if `expected` stands there now.
    case store = 1
    /// Make the text range writable, so that stores reach it. Exclusive plans only.
    case open = 2
    /// Make it executable again.
    case close = 3
}
