#if arch(arm64) || arch(arm)
    import AgentShims

    /// Code that this process changes by itself: its page is writable for the moment of a store, and executable
    /// all the time.
    struct OpenText {
        /// T32's NOP, of 16 bits.
        private static let thumbOn: UInt32 = 0xbf00

        init?() {}

        /// What of a sled's first word is switched: a halfword of T32, else all of it.
        static func mask(_ on: UInt32) -> UInt32 { on == thumbOn ? 0xffff : ~0 }

        func store(at site: UInt64, _ off: UInt32, on: UInt32) {
            let page = site & ~4095
            let readWriteExecute = System.protectRead | System.protectWrite | System.protectExecute
            if System.protect(page, 4096, readWriteExecute) < 0 { return }
            if on == Self.thumbOn {
                nopal_store16(site, UInt16(truncatingIfNeeded: off))
            } else {
                nopal_store32(site, off)
            }
            CodeCaches.maintain(site, 4)
            _ = System.protect(page, 4096, System.protectRead | System.protectExecute)
        }

        func end() {}
    }
#endif
