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

/// Looks for threads inside of sites: where they stand, and where they go on when a signal's handler returns.
struct StackScan {
    let memory: TargetMemory
    let maps: TargetMaps
    let windows: Windows

    /// A signal's frame, from the word that has the place where the thread goes on: `struct ucontext` of
    /// <asm/ucontext.h>, `struct sigcontext`.
    private enum Frame {
        #if arch(arm64)
            static let flags: UInt64 = 440
            static let link: UInt64 = 432
            static let modeMask: UInt64 = 0x1f
            static let userMode: UInt64 = 0
        #else
            static let flags: UInt64 = 92
            static let link: UInt64 = 88
            static let modeMask: UInt64 = 0x1f
            static let userMode: UInt64 = 0x10
        #endif
        static let stack: UInt64 = 8
        /// Linux marks frames that were made without SA_SIGINFO by this.
        static let plain: UInt64 = 0x5ac3_c35a
    }

    private static let stackLimit: UInt64 = 256 << 20
    private static let size = UInt64(Word.byteCount)

    /// The place inside of a site at which the thread goes on some day; nil for none.
    func obstacle(_ thread: StoppedThread) -> UInt64? {
        if windows.holdInside(thread.registers.place) { return thread.registers.place }
        var stacks = InlineArray<16, UInt64>(repeating: 0)
        var ends = InlineArray<16, UInt64>(repeating: 0)
        stacks[0] = thread.registers.stackPointer
        var known = 1
        var index = 0
        while index < known {
            let bounds = maps.bounds(holding: stacks[index])
            let start = stacks[index] & ~(Self.size &- 1)
            ends[index] = min(bounds.high, start &+ Self.stackLimit)
            var found: UInt64?
            eachFrame(start, ends[index]) { place, stack in
                if windows.holdInside(place) { found = place }
                for other in 0..<known where stack >= stacks[other] && stack < ends[other] { return }
                if known < 16 && stack != 0 {
                    stacks[known] = stack
                    known += 1
                }
            }
            if let found { return found }
            index += 1
        }
        return nil
    }

    /// Calls `body` with place and stack pointer of each signal's frame between two addresses.
    private func eachFrame(_ start: UInt64, _ end: UInt64, _ body: (_ place: UInt64, _ stack: UInt64) -> Void) {
        // Frames lie across the buffer's ends: it begins anew before the last of them.
        let step: UInt64 = 61440
        let overlap: UInt64 = 4096
        let buffer = System.allocate(step &+ overlap)
        if buffer == 0 { return }
        defer { System.unmap(buffer, step &+ overlap) }
        var at = start
        while at < end {
            let byteCount = min(step &+ overlap, end &- at)
            if !memory.read(at, to: buffer, byteCount) { return }
            var offset = Frame.flags
            while offset &+ 2 &* Self.size <= byteCount {
                if isFrame(buffer &+ offset) {
                    body(
                        nopal_load_word(buffer &+ offset) & ~1,
                        nopal_load_word(buffer &+ offset &- Frame.stack))
                }
                offset = offset &+ Self.size
            }
            at = at &+ step
        }
    }

    private func isFrame(_ place: UInt64) -> Bool {
        let flags = nopal_load_word(place &- Frame.flags)
        let status = nopal_load_word(place &+ Self.size)
        let stack = nopal_load_word(place &- Frame.stack)
        return (flags == 0 || flags == Frame.plain) && nopal_load_word(place &- Frame.link) == 0
            && status & Frame.modeMask == Frame.userMode && status >> 32 == 0 && stack != 0
            && stack % Self.size == 0 && nopal_load_word(place) > 4096
    }
}
