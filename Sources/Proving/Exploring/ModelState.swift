/// One state of a scenario, packed: how far the patching side is, what the machine keeps, what each thread does.
struct ModelState: Sendable {
    static let maxByteCount = 192

    private var words = InlineArray<24, UInt64>(repeating: 0)

    init() {}

    init(words: ArraySlice<UInt64>) {
        var at = 0
        for word in words {
            self.words[at] = word
            at += 1
        }
    }

    subscript(index: Int) -> UInt8 {
        get { UInt8(truncatingIfNeeded: words[index >> 3] &>> UInt64(index & 7 &* 8)) }
        set {
            let shift = UInt64(index & 7 &* 8)
            words[index >> 3] = words[index >> 3] & ~(0xff &<< shift) | UInt64(newValue) &<< shift
        }
    }

    /// How many operations of the patching side are done.
    var operation: Int {
        get { Int(words[0] & 0xffff) }
        set { words[0] = words[0] & ~0xffff | UInt64(newValue) & 0xffff }
    }

    func word(_ index: Int) -> UInt64 { words[index] }
}

/// Where in a state what is kept.
struct StateLayout: Sendable {
    /// Behind the count of operations: what the machine keeps once.
    static let machineOffset = 2
    /// What each thread keeps beside what the machine keeps for it.
    static let threadHeadByteCount = 8

    let threadCount: Int
    let threadBase: Int
    let threadByteCount: Int

    init(threadCount: Int, machineByteCount: Int, machineThreadByteCount: Int) {
        self.threadCount = threadCount
        threadBase = Self.machineOffset + machineByteCount
        threadByteCount = Self.threadHeadByteCount + machineThreadByteCount
    }

    var byteCount: Int { threadBase + threadCount * threadByteCount }
    var wordCount: Int { (byteCount + 7) / 8 }

    func thread(_ index: Int) -> ThreadLayout { ThreadLayout(base: threadBase + index * threadByteCount) }
}

/// Where in a state what of one thread is kept.
struct ThreadLayout: Sendable {
    let base: Int

    /// Index of the place where it stands.
    var place: Int { base }
    /// Its condition beside that: see `Standing`.
    var standing: Int { base + 1 }
    /// The place it will return to, in a stub; 0 for the function's caller.
    var frame: Int { base + 2 }
    /// The site it visits.
    var site: Int { base + 3 }
    /// The forms that the visit may have met, a bit each.
    var forms: Int { base + 4 }
    /// Two forms a byte: how many of the form's effects were seen in order; 15: it isn't that form.
    var progress: Int { base + 5 }
    /// IT: how many instructions are left in the low half, whether their conditions hold in the high half.
    var conditions: Int { base + 7 }
    /// What the machine keeps for the thread.
    var machine: Int { base + StateLayout.threadHeadByteCount }
}

/// What a thread is up to beside executing.
enum Standing {
    static let runs: UInt8 = 0
    /// It hit a breakpoint at its place, and its handler has not looked yet.
    static let trapped: UInt8 = 1
    /// It is no longer followed.
    static let retired: UInt8 = 2
    /// Added: it has run the new form of the second site.
    static let hasSeenSecond: UInt8 = 0x80
}
