#if arch(arm64) || arch(arm)
    import AgentShims

    /// Puts the branch to the agent at a hooked function: to a page near it, and from there on. Nobody else runs.
    enum HookWriting {
        /// - Parameter hook: address of its record, see `Hook`.
        static func write(_ hook: UInt64, to target: UInt64) {
            let address = nopal_load64(hook &+ 8)
            let way = nopal_load64(hook &+ 32)
            let branch = UInt32(truncatingIfNeeded: nopal_load64(hook &+ 40))
            guard address % 4 == 0, way % 4096 == 0, way != 0,
                System.readSafely(address & ~UInt64(Word.byteCount &- 1), process: AgentState.process) != nil,
                UInt64(nopal_load32(address)) == nopal_load64(hook &+ 24), System.mapExactly(way, 4096)
            else { return }
            for offset in stride(from: UInt64(0), to: UInt64(Hook.wayByteCount), by: 8) {
                nopal_store64(way &+ offset, nopal_load64(hook &+ UInt64(Hook.wayOffset) &+ offset))
            }
            CodeCaches.maintain(way, UInt64(Hook.wayByteCount))
            _ = System.protect(way, 4096, System.protectRead | System.protectExecute)
            let page = address & ~4095
            if System.protect(page, 4096, System.protectRead | System.protectWrite) < 0 { return }
            nopal_store32(address, branch)
            CodeCaches.maintain(address, 4)
            _ = System.protect(page, 4096, System.protectRead | System.protectExecute)
        }
    }
#endif
