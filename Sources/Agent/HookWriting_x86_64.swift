#if arch(x86_64)
    import AgentShims

    /// Puts the jump to the agent at a hooked function. Nobody else runs: before `main`.
    enum HookWriting {
        private static let jump: UInt64 = 0xe9

        /// - Parameter hook: address of its record, see `Hook`.
        static func write(_ hook: UInt64, to target: UInt64) {
            let address = nopal_load64(hook &+ 8)
            guard System.readSafely(address, process: AgentState.process) == nopal_load64(hook &+ 24) else { return }
            let distance = Int64(bitPattern: target &- (address &+ 5))
            guard Int32(exactly: distance) != nil else { return }
            let page = address & ~4095
            let byteCount: UInt64 = (address &+ 4) & ~4095 == page ? 4096 : 8192
            let bits = UInt64(UInt32(truncatingIfNeeded: distance))
            if System.protect(page, byteCount, System.protectRead | System.protectWrite) < 0 { return }
            nopal_store_bytes(address, jump | bits << 8, 5)
            _ = System.protect(page, byteCount, System.protectRead | System.protectExecute)
        }
    }
#endif
