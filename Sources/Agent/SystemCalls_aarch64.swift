#if arch(arm64)
    import AgentShims

    /// Source: include/uapi/asm-generic/unistd.h.
    enum CallNumber {
        static let fileControl: Int64 = 25
        static let truncate: Int64 = 46
        static let open: Int64 = 56
        static let close: Int64 = 57
        static let read: Int64 = 63
        static let write: Int64 = 64
        static let readAt: Int64 = 67
        static let writeAt: Int64 = 68
        static let poll: Int64 = 73
        static let readLink: Int64 = 78
        static let exitGroup: Int64 = 94
        static let futex: Int64 = 98
        static let clock: Int64 = 113
        static let signalProcess: Int64 = 129
        static let signalThread: Int64 = 131
        static let alternateStack: Int64 = 132
        static let signalAction: Int64 = 134
        static let signalMask: Int64 = 135
        static let processControl: Int64 = 167
        static let processID: Int64 = 172
        static let parentID: Int64 = 173
        static let threadID: Int64 = 178
        static let socket: Int64 = 198
        static let connect: Int64 = 203
        static let send: Int64 = 206
        static let receive: Int64 = 212
        static let programBreak: Int64 = 214
        static let unmap: Int64 = 215
        static let clone: Int64 = 220
        static let map: Int64 = 222
        static let protect: Int64 = 226
        static let residency: Int64 = 232
        static let advise: Int64 = 233
        static let limits: Int64 = 261
        static let readProcess: Int64 = 270
        static let memoryBarrier: Int64 = 283
        static let fileStatus: Int64 = 291
        static let clone3: Int64 = 435
        /// There is none.
        static let fork: Int64 = -1
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
#endif
