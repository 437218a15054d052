/// The memory that agent and host share while a program is traced: one memfd.
///
/// ```
/// 0        header (4096 bytes, offsets in `HeaderOffset`)
/// 4096     one descriptor of 64 bytes a block (offsets in `DescriptorOffset`)
/// ...      blocks, from the next multiple of 64 KiB
/// ```
/// States of a block, each arrow one compare-and-swap or release store:
/// ```
/// free --agent--> owned --agent--> full --host--> draining --host--> free
///                   `----host, when the owner is dead-----^
/// full --agent, overwrite mode--> draining --> owned
/// ```
/// A thread zeroes a block when it takes it, and names its process in the descriptor last.
///
/// Blocks lie at multiples of their size in the agent's memory too, and no event stands in a block's first
/// `headByteCount` bytes. So the address of a reserved slot alone says whether it is one: what is reserved past
/// the end of a block reads as a place in the head of the next. The head's last word is a clock word.
public enum SessionMemory {
    public static let magic: UInt64 = 0x316d_656d_6c70_6f6e  // "noplmem1"
    public static let version: UInt32 = 2
    public static let headerByteCount = 4096
    public static let descriptorByteCount = 64
    public static let blockByteCount = 65536
    public static let headByteCount = 128
    /// Where a block's words begin: the clock word, then events.
    public static let wordsOffset = headByteCount - EventWord.byteCount
    public static let wordsPerBlock = (blockByteCount - wordsOffset) / EventWord.byteCount
    /// The bits of an address that are all zero in a block's head.
    public static let slotMask = UInt32(blockByteCount - headByteCount)

    /// Where the blocks begin.
    public static func blocksOffset(blockCount: Int) -> Int {
        let used = headerByteCount &+ blockCount &* descriptorByteCount
        return (used &+ blockByteCount &- 1) / blockByteCount &* blockByteCount
    }

    public static func byteCount(blockCount: Int) -> Int {
        blocksOffset(blockCount: blockCount) &+ blockCount &* blockByteCount
    }

    /// Byte offsets in the header. All fields are naturally aligned.
    public enum HeaderOffset {
        public static let magic = 0  // u64
        public static let version = 8  // u32
        public static let blockCount = 12  // u32
        public static let whenFull = 16  // u32, WhenFull
        public static let hostProcess = 20  // u32, the host's pid
        /// u32: 0 recording, 1 the host has left or is about to; written by either side.
        public static let closed = 64
        /// u32 futex: grows with every block that is given back; agents wait here.
        public static let freeGeneration = 72
        /// u32: agents that wait on `freeGeneration`.
        public static let freeWaiters = 76
        /// u32 futex: grows with every full block; the host waits here.
        public static let fullGeneration = 128
        /// u32: 1 while the host sleeps on `fullGeneration`.
        public static let hostSleeps = 132
        /// u32: the next thread serial, from 1.
        public static let nextThreadSerial = 192
        /// u64: the next block order, from 1.
        public static let nextBlockOrder = 200
        /// u64: events that found no block (`drop`), or were overwritten (`overwrite`).
        public static let lostEvents = 256
        /// u64: nanoseconds that traced threads waited for a free block (`wait`).
        public static let waitedNanos = 264
    }

    /// Byte offsets in a block's descriptor.
    public enum DescriptorOffset {
        public static let state = 0  // u32, BlockState
        public static let process = 4  // u32, pid; 0 while free or not begun
        public static let thread = 8  // u32, tid
        public static let threadSerial = 12  // u32, unique in the session
        public static let sequence = 16  // u32, 0... within the thread
        public static let usedByteCount = 20  // u32, written when the block is full
        public static let lostBefore = 24  // u64, events of this thread lost just before this block
        public static let order = 32  // u64, grows with every block taken in the session
        public static let openCalls = 40  // u32, depth of the shadow stack when the block was taken
        public static let flags = 44  // u32, bit 0: the thread's stack is being unwound for good
        /// 16 bytes: the thread's name, where no host can ask for it; else zeroes.
        public static let name = 48
    }
}

public enum BlockState: UInt32, Sendable {
    case free = 0
    case owned = 1
    case full = 2
    case draining = 3
}

/// What a thread does when no block is free.
public enum WhenFull: UInt32, Sendable {
    /// Waits until the host has written one out; the time is in the ledger.
    case wait = 0
    /// Records nothing until one is free; the exact number of lost events is in the ledger.
    case drop = 1
    /// Takes the oldest full block: a flight recorder.
    case overwrite = 2
}
