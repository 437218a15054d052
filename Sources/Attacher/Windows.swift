import AgentShims

/// The bytes that arming changes, of every site that is prepared. A thread may stand at the first of a site, or behind
/// it, but not inside: it would go on in the middle of other instructions.
struct Windows {
    let memory: TargetMemory
    /// The agent's table.
    let entries: UInt64
    let entryCount: UInt64

    /// Whether a thread that goes on at `address` goes on inside of a site.
    func holdInside(_ address: UInt64) -> Bool {
        for index in 0..<entryCount {
            let entry = entries &+ index &* UInt64(AttachRequest.Entry.byteCount)
            guard let plan = memory.value(entry &+ UInt64(AttachRequest.Entry.plan)),
                let sites = memory.value(entry &+ UInt64(AttachRequest.Entry.sites)), plan != 0
            else { continue }
            if holdInside(address, plan..<max(plan, sites)) { return true }
        }
        return false
    }

    /// - Parameter steps: those of a plan; the stores of a site follow each other without a gap.
    private func holdInside(_ address: UInt64, _ steps: Range<UInt64>) -> Bool {
        let size = UInt64(Bundle.stepByteCount)
        var buffer = InlineArray<4096, UInt8>(repeating: 0)
        var start: UInt64 = 0
        var end: UInt64 = 0
        for at in stride(from: steps.lowerBound, to: steps.upperBound, by: 4096) {
            let byteCount = min(4096, steps.upperBound &- at)
            let isInside = withUnsafeMutablePointer(to: &buffer) { buffer -> Bool in
                let read = UInt64(UInt(bitPattern: buffer))
                guard memory.read(at, to: read, byteCount) else { return false }
                for offset in stride(from: UInt64(0), to: byteCount, by: Int(size)) {
                    let step = read &+ offset
                    if nopal_load32(step) != StepKind.store.rawValue { continue }
                    let place = nopal_load64(step &+ 8)
                    if place != end { start = place }
                    end = place &+ UInt64(nopal_load32(step &+ 4))
                    if address > start && address < end { return true }
                }
                return false
            }
            if isInside { return true }
        }
        return false
    }
}
