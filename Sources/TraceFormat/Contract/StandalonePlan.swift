/// A plan file: what an agent needs to trace a program without a host (`nopal prepare`).
///
/// ```
/// 0    header of 96 bytes
/// 96   modules, 320 bytes each; the first is the program
/// ...  arenas of each module, 192 bytes each: where their bytes, their words to fill in, their plans and sites lie
/// ...  records for the host that makes the trace (`nopal collect`): u32 byte count and payload each, first the session's
/// ```
/// All numbers are little-endian, offsets count from the file's start. Addresses in plans and sites are link-time.
public enum StandalonePlan {
    /// "NOPALPLN" read as a little-endian integer.
    public static let magic: UInt64 = 0x4e4c_504c_4150_4f4e
    public static let version: UInt32 = 1
    public static let headerByteCount = 96
    public static let moduleByteCount = 320
    public static let arenaByteCount = 192

    /// Byte offsets in the header.
    public enum Header {
        public static let magic = 0  // u64
        public static let version = 8  // u32
        public static let machine = 12  // u32, as ELF numbers it
        public static let moduleCount = 16  // u32
        public static let blockCount = 20  // u32, of the events' file
        public static let depthLimit = 24  // u64, 0 for none
        public static let recordsOffset = 32  // u64
        public static let recordsByteCount = 40  // u64
        /// u32: 1 when its stubs read the counter, so user space has to be allowed to.
        public static let readsCounter = 48
        public static let whenFull = 52  // u32, WhenFull
        /// u64: nanoseconds for which tracing is on, then off; both 0 with `windowCount` 0 for always on.
        public static let onNanos = 56
        public static let offNanos = 64
        /// u32: how often it is switched off and on again, all ones for ever; 0 for never.
        public static let windowCount = 72
    }

    /// Byte offsets in a module.
    public enum Module {
        /// The last part of its path, ended by a zero byte.
        public static let name = 0
        public static let nameByteCount = 256
        public static let arenaCount = 256  // u32
        public static let index = 260  // u32, the number in the trace
        public static let arenasOffset = 264  // u64
        /// u64: a link-time address, and what stands there in this build of the module: u32 bytes, at most 32.
        public static let fingerprintAddress = 272
        public static let fingerprintByteCount = 280
        public static let fingerprint = 288
        public static let fingerprintCapacity = 32
    }

    /// Byte offsets in an arena, u64 each.
    public enum Arena {
        /// From the module's bias to the arena, signed.
        public static let distance = 0
        public static let bytesOffset = 8
        public static let byteCount = 16
        public static let unwindOffset = 24
        /// Words of the arena that grow by the bias: u32 each, an offset; with the top bit of 64 bits, else of 32.
        public static let biasWordsOffset = 32
        public static let biasWordCount = 40
        /// Instructions that have the thread state's offset as a number: u32 each, an offset.
        public static let stateWordsOffset = 48
        public static let stateWordCount = 56
        public static let stepsOffset = 64
        public static let stepCount = 72
        public static let sitesOffset = 80
        public static let siteCount = 88
        public static let textLow = 96
        public static let textHigh = 104
        /// Arenas of one group are alternatives: the first that finds room is taken.
        public static let group = 112
        /// Where the unwind table has the personality's address, from the arena's start; 0 for nowhere.
        public static let personality = 120
        /// Plans that are run live (see `Bundle`), to switch every site off and on; 0 bytes where there are no windows.
        public static let offPlanOffset = 128
        public static let offPlanByteCount = 136
        public static let onPlanOffset = 144
        public static let onPlanByteCount = 152
    }

    /// Byte offsets in the header page of the events' file, behind what `SessionMemory` has there.
    public enum Events {
        public static let process = 512  // u32
        public static let moduleCount = 516  // u32
        public static let tickFrequency = 520  // u64
        public static let ticks = 528  // u64, and the same moment on two clocks
        public static let monotonicNanos = 536  // u64
        public static let realtimeNanos = 544  // u64
        public static let armed = 552  // u64
        public static let refused = 560  // u64
        /// Groups of sites that had no room for an arena, or no entry in the agent's table.
        public static let roomless = 568  // u64
        /// Modules that are of another build than the plan's.
        public static let strangers = 576  // u64
        /// Single stores that switched sites, and 1 + RunResult of the first plan that was refused.
        public static let toggles = 584  // u64
        public static let windowFailure = 592  // u64
        public static let windows = 600  // u64
        /// u64: what all sites that windows switch are: 0 off, 1 on, 2 while they change; above that, in bits 2 and up, how
        /// often this has changed.
        public static let form = 608
        public static let modules = 1024  // index u64, bias u64 each
        public static let moduleCapacity = 190
    }
}
