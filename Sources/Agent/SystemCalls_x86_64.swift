#if arch(x86_64)
    import AgentShims

    /// Source: arch/x86/entry/syscalls/syscall_64.tbl.
    enum CallNumber {
        static let read: Int64 = 0
        static let write: Int64 = 1
        static let close: Int64 = 3
        static let map: Int64 = 9
        static let protect: Int64 = 10
        static let unmap: Int64 = 11
        static let programBreak: Int64 = 12
        static let signalAction: Int64 = 13
        static let signalMask: Int64 = 14
        static let readAt: Int64 = 17
        static let writeAt: Int64 = 18
        static let residency: Int64 = 27
        static let advise: Int64 = 28
        static let processID: Int64 = 39
        static let socket: Int64 = 41
        static let connect: Int64 = 42
        static let send: Int64 = 44
        static let receive: Int64 = 47
        static let clone: Int64 = 56
        static let fork: Int64 = 57
        static let signalProcess: Int64 = 62
        static let fileControl: Int64 = 72
        static let truncate: Int64 = 77
        static let parentID: Int64 = 110
        static let processControl: Int64 = 157
        static let threadID: Int64 = 186
        static let futex: Int64 = 202
        static let clock: Int64 = 228
        static let exitGroup: Int64 = 231
        static let signalThread: Int64 = 234
        static let open: Int64 = 257
        static let readLink: Int64 = 267
        static let poll: Int64 = 271
        static let limits: Int64 = 302
        static let readProcess: Int64 = 310
        static let memoryBarrier: Int64 = 324
        static let clone3: Int64 = 435
    }

    extension System {
        static func setFileByteCount(_ descriptor: Int64, _ byteCount: UInt64) -> Int64 {
            call(CallNumber.truncate, descriptor, Int64(bitPattern: byteCount))
        }

        static func mapPages(
            _ address: Int64, _ byteCount: Int64, _ protection: Int64, _ flags: Int64, _ descriptor: Int64,
            offset: UInt64
        ) -> Int64 {
            call(CallNumber.map, address, byteCount, protection, flags, descriptor, Int64(bitPattern: offset))
        }

        static func transferAt(
            _ number: Int64, _ descriptor: Int64, _ memory: UInt64, _ byteCount: UInt64, _ offset: UInt64
        ) -> Int64 {
            call(
                number, descriptor, Int64(bitPattern: memory), Int64(bitPattern: byteCount), Int64(bitPattern: offset))
        }
    }

    /// What is asked of an open file.
    struct FileStatus {
        var mode: UInt32
        var linkCount: UInt64
        var byteCount: UInt64

        /// `struct stat` of <asm/stat.h>; nil when it can't be told.
        init?(_ descriptor: Int64) {
            let number: Int64 = 5
            var status = InlineArray<18, UInt64>(repeating: 0)
            let done = withUnsafeMutablePointer(to: &status) { System.call(number, descriptor, System.address($0)) }
            if done < 0 { return nil }
            linkCount = status[2]
            mode = UInt32(truncatingIfNeeded: status[3])
            byteCount = status[6]
        }
    }
#endif
