#if arch(arm64) || arch(arm)
    import AgentShims

    /// Calls on stacks that are not their thread's own.
    enum OtherStacks {
        /// The return address is wherever the call has saved it, so it can't be looked for: a call is over when its
        /// stack is gone, or when it is the signal stack and nobody is on that any more.
        static func mayHoldCall(slot: UInt64, now: UInt64) -> Bool {
            guard System.readSafely(slot & ~UInt64(Word.byteCount - 1), process: AgentState.process) != nil else {
                return false
            }
            // stack_t: address, flags (32 bits, and padding where words are longer), size.
            var stack: (UInt, UInt, UInt) = (0, 0, 0)
            let done = withUnsafeMutablePointer(to: &stack) {
                System.call(CallNumber.alternateStack, 0, System.address($0))
            }
            let low = UInt64(stack.0)
            let high = low &+ UInt64(stack.2)
            guard done == 0, low != 0, slot > low, slot <= high else { return true }
            return now > low && now <= high
        }
    }
#endif
