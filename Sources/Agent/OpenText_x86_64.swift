#if arch(x86_64)
    import AgentShims

    /// Code that this process changes by itself, through the kernel: its pages need not be writable.
    struct OpenText {
        private let memory: Int64

        init?() {
            let readWrite: Int64 = 2
            let path: StaticString = "/proc/self/mem"
            memory = System.open(UInt64(UInt(bitPattern: path.utf8Start)), flags: readWrite)
            if memory < 0 { return nil }
        }

        /// What of a sled's first word is switched: one byte.
        static func mask(_ on: UInt32) -> UInt32 { 0xff }

        func store(at site: UInt64, _ off: UInt32, on: UInt32) {
            var byte = UInt8(truncatingIfNeeded: off)
            _ = withUnsafePointer(to: &byte) {
                System.writeAt(memory, UInt64(UInt(bitPattern: $0)), 1, offset: site)
            }
        }

        func end() { System.close(memory) }
    }
#endif
