import AgentShims

/// The bytes that arming changes, of every site that is prepared, where they are of more than one instruction. A thread
/// may stand at the first of them, or behind them, but not inside: it would go on in the middle of other instructions.
struct Windows {
    private let memory: TargetMemory
    /// Start and end of each, in memory of this process.
    private var table: UInt64 = 0
    private var count: UInt64 = 0
    private static let byteCount: UInt64 = 16

    /// What the agent's table has of plans; they stay as they are.
    init(_ memory: TargetMemory, entries: UInt64, entryCount: UInt64) throws(Complaint) {
        self.memory = memory
        func plan(_ index: UInt64) -> Range<UInt64> {
            let entry = entries &+ index &* UInt64(AttachRequest.Entry.byteCount)
            guard let plan = memory.value(entry &+ UInt64(AttachRequest.Entry.plan)),
                let sites = memory.value(entry &+ UInt64(AttachRequest.Entry.sites)), plan != 0, sites > plan
            else { return 0..<0 }
            return plan..<sites
        }
        var byteCount: UInt64 = 0
        for index in 0..<entryCount { byteCount = byteCount &+ plan(index).upperBound &- plan(index).lowerBound }
        table = System.allocate(byteCount / UInt64(Bundle.stepByteCount) &* Self.byteCount &+ Self.byteCount)
        if table == 0 { throw Complaint("there is no memory for what its plans change") }
        for index in 0..<entryCount { add(plan(index)) }
    }

    /// - Parameter steps: those of a plan; the stores of a site follow each other without a gap.
    private mutating func add(_ steps: Range<UInt64>) {
        var buffer = InlineArray<4096, UInt8>(repeating: 0)
        var window: (start: UInt64, end: UInt64, stores: UInt64) = (0, 0, 0)
        for at in stride(from: steps.lowerBound, to: steps.upperBound, by: 4096) {
            let byteCount = min(4096, steps.upperBound &- at)
            withUnsafeMutablePointer(to: &buffer) { buffer in
                let read = UInt64(UInt(bitPattern: buffer))
                guard memory.read(at, to: read, byteCount) else { return }
                for offset in stride(from: UInt64(0), to: byteCount, by: Bundle.stepByteCount) {
                    let step = read &+ offset
                    if nopal_load32(step) != StepKind.store.rawValue { continue }
                    let place = nopal_load64(step &+ 8)
                    if place != window.end {
                        add(window)
                        window = (place, place, 0)
                    }
                    window.end = place &+ UInt64(nopal_load32(step &+ 4))
                    window.stores = window.stores &+ 1
                }
            }
        }
        add(window)
    }

    private mutating func add(_ window: (start: UInt64, end: UInt64, stores: UInt64)) {
        if window.stores < 2 { return }
        nopal_store64(table &+ count &* Self.byteCount, window.start)
        nopal_store64(table &+ count &* Self.byteCount &+ 8, window.end)
        count = count &+ 1
    }

    /// Whether a thread that goes on at `address` goes on inside of a site.
    func holdInside(_ address: UInt64) -> Bool {
        for index in 0..<count {
            let window = table &+ index &* Self.byteCount
            if address > nopal_load64(window) && address < nopal_load64(window &+ 8) { return true }
        }
        return false
    }
}
