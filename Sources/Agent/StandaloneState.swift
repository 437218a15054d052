import AgentShims

/// What stubs of a plan file are told of this process.
enum StandaloneState {
    /// The machine of plans for this agent, as ELF numbers it; x86-64 has `nopal record`.
    static var machine: UInt32 {
        #if arch(x86_64)
            0
        #elseif arch(arm64)
            183
        #else
            40
        #endif
    }

    /// Has slow paths read the time from where the plan's stubs do; false when that can't be.
    static func chooseClock(readsCounter: Bool) -> Bool {
        #if arch(x86_64)
            return true
        #else
            if readsCounter { return nopal_has_counter != 0 }
            nopal_has_counter = 0
            return true
        #endif
    }

    /// An instruction that adds the thread state's offset to a register, with this process's; nil when it has no room.
    static func word(_ instruction: UInt32) -> UInt32? {
        guard let offset = UInt32(exactly: nopal_thread_state_offset()) else { return nil }
        #if arch(arm64)
            // ADD, 12 bits from bit 10 on.
            return offset < 4096 ? instruction & ~(0xfff << 10) | offset << 10 : nil
        #elseif arch(arm)
            // ADD, eight bits that are turned right by twice the number in front of them.
            for shift in stride(from: UInt32(0), to: 24, by: 2) where offset & ~(0xff << shift) == 0 {
                let turns = (32 &- shift) / 2 % 16
                return instruction & ~0xfff | (turns << 8) | (offset >> shift)
            }
            return nil
        #else
            return nil
        #endif
    }
}
