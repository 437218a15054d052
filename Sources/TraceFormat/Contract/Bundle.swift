/// A bundle: one memfd with everything that arms one module.
///
/// ```
/// 0               arena: thunks, stubs, unwind table (mapped read + execute at `address`)
/// arenaByteCount  plan: steps of 32 bytes, then the table of sites (mapped read-only)
/// ```
/// A plan that is run live has a memfd of its own: a head of 32 bytes (step count, trap count, start and end of the
/// text range, u64 each), steps, then traps.
/// Message `arm`: a address, b arena bytes, c unwind table offset (in the arena), d step count,
/// e count of sites in the table, f text range start, g text range end (runtime addresses);
/// text: the module's load bias, u64.
public enum Bundle {
    /// Step: kind u32 | width u32 | address u64 | value u64 | expected u64.
    public static let stepByteCount = 32
    /// The head of a plan that is run live.
    public static let planHeadByteCount = 32
    /// A site of the table: its runtime address u64; what stands there when it is on, and when it is off, u32 each:
    /// the unit that a toggle stores (a byte on x86-64, a halfword of T32, else a word).
    public static let siteByteCount = 16
    /// A trap, after the steps of a plan that is run live: address u64, target u64; sorted.
    public static let trapByteCount = 16

    /// An arena begins with the addresses its thunks jump through, u64 each.
    public enum ArenaOffset {
        public static let enter = 0
        public static let record = 8
        public static let leave = 16
        public static let personality = 24
        /// Where the image for debuggers begins, from the arena's start, and its size.
        public static let imageOffset = 32
        public static let imageByteCount = 40
        public static let clock = 48
        /// 32-bit Arm: an instruction that goes on at the personality.
        public static let personalityWay = 56
    }
}

/// What one step of a plan does.
public enum StepKind: UInt32, Sendable {
    /// Store `value`, `width` bytes (1, 2, 4 or 8), if `expected` stands there now.
    case store = 1
    /// Make the text range writable, so that stores reach it.
    case open = 2
    /// Make it executable only again.
    case close = 3
    case maintainCaches = 4
    case syncCores = 5
    case catchBreakpoints = 6
    /// As `store`, into bytes that an earlier step of the plan has stored to.
    case storeAgain = 7
}
