import AgentShims

/// Looks for threads inside of sites: where they stand, and where they go on when a signal's handler returns.
struct StackScan {
    let memory: TargetMemory
    let stacks: TargetStacks
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
        var pointers = InlineArray<16, UInt64>(repeating: 0)
        var ends = InlineArray<16, UInt64>(repeating: 0)
        pointers[0] = thread.registers.stackPointer
        var known = 1
        var index = 0
        while index < known {
            let end = stacks.end(holding: pointers[index])
            let start = pointers[index] & ~(Self.size &- 1)
            ends[index] = min(end, start &+ Self.stackLimit)
            var found: UInt64?
            eachFrame(start, ends[index]) { place, stack in
                if windows.holdInside(place) { found = place }
                for other in 0..<known where stack >= pointers[other] && stack < ends[other] { return }
                if known < 16 {
                    pointers[known] = stack
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
        // Of those the kernel does not write the link.
        let isMarked = flags == Frame.plain || flags == 0 && nopal_load_word(place &- Frame.link) == 0
        return isMarked && status & Frame.modeMask == Frame.userMode && status >> 32 == 0 && stack != 0
            && stack % Self.size == 0 && nopal_load_word(place) > 4096
    }
}
