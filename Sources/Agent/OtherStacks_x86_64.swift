#if arch(x86_64)
    /// Calls on stacks that are not their thread's own.
    enum OtherStacks {
        /// While a call is suspended, its stub's return address stands in its slot.
        static func mayHoldCall(slot: UInt64, now: UInt64) -> Bool {
            guard let value = System.readSafely(slot, process: AgentState.process) else { return false }
            return BundleEntry.anyContains(value)
        }
    }
#endif
