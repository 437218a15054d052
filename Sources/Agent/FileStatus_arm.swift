#if arch(arm64) || arch(arm)
    import AgentShims

    /// What is asked of an open file.
    struct FileStatus {
        var mode: UInt32
        var linkCount: UInt64
        var byteCount: UInt64

        /// `struct statx`, which is the same everywhere (Linux 4.11); nil when it can't be told.
        init?(_ descriptor: Int64) {
            let emptyPath: Int64 = 0x1000
            let basics: Int64 = 0x7ff
            var status = InlineArray<32, UInt64>(repeating: 0)
            var path: UInt64 = 0
            let done = withUnsafeMutablePointer(to: &status) { status in
                withUnsafeMutablePointer(to: &path) {
                    System.call(
                        CallNumber.fileStatus, descriptor, System.address($0), emptyPath, basics,
                        System.address(status))
                }
            }
            if done < 0 { return nil }
            linkCount = status[2] & 0xffff_ffff
            mode = UInt32(truncatingIfNeeded: status[3] >> 32) & 0xffff
            byteCount = status[5]
        }
    }
#endif
