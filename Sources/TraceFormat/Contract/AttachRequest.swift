/// What `nopal-attach` leaves in a program's memory, behind `HelperRequest`, for an agent that follows a plan.
///
/// Shape: u64 each at these offsets from the request's start; texts end with a zero byte.
public enum AttachRequest {
    /// The process of `nopal-attach`: while it is there, the agent waits for it.
    public static let attacher = HelperRequest.byteCount
    /// One of `Step`; each side stores what the other waits for.
    public static let step = attacher + 8
    /// One of `Outcome`.
    public static let outcome = attacher + 16
    /// 1 when user space may read the counter.
    public static let hasCounter = attacher + 24
    /// The agent's thread, which is not to be stopped.
    public static let thread = attacher + 32
    /// Where the agent's table of arenas lies, and how many it has; see `Entry`.
    public static let entries = attacher + 40
    public static let entryCount = attacher + 48
    public static let plan = attacher + 64
    public static let folder = plan + 4096
    public static let byteCount = folder + 4096

    /// The value of `HelperRequest.mode` that asks for this.
    public static let mode: UInt64 = 3

    public enum Step {
        public static let begun: UInt64 = 0
        /// The agent: everything is prepared, the loader's lock is held. Stop all other threads.
        public static let prepared: UInt64 = 1
        /// They are stopped, and none is inside of a site.
        public static let stopped: UInt64 = 2
        /// One was; they run again. Another attempt.
        public static let again: UInt64 = 3
        /// No other attempt follows.
        public static let givenUp: UInt64 = 4
        /// The agent: the sites are armed. The threads may go on.
        public static let armed: UInt64 = 5
        /// The agent: nothing follows; `outcome` says how it ended.
        public static let ended: UInt64 = 6
        /// It was read; the memory may go.
        public static let read: UInt64 = 7
    }

    public enum Outcome: UInt64, Sendable {
        case traced
        case tracedAlready
        /// An attempt with another plan was given up before: its arenas are there.
        case otherPlan
        case noPlan
        case otherProgram
        case noCounter
        case noUnwinder
        case noEventsFile
        case noMemory
        /// 32-bit Arm: no system calls with times of 64 bits.
        case oldKernel
        /// Stubs can't reach the thread state.
        case farState
        case givenUp
    }

    /// An arena in the agent's table; u64 each.
    public enum Entry {
        public static let byteCount = 192
        public static let sites = 16
        public static let plan = 48
    }
}
