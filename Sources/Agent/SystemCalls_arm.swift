#if arch(arm)
    import AgentShims

    /// Calls with times are those of 64 bits (Linux 5.1).
    ///
    /// Source: arch/arm/tools/syscall.tbl.
    enum CallNumber {
        static let fork: Int64 = 2
        static let read: Int64 = 3
        static let write: Int64 = 4
        static let close: Int64 = 6
        static let processID: Int64 = 20
        static let signalProcess: Int64 = 37
        static let programBreak: Int64 = 45
        static let parentID: Int64 = 64
        static let unmap: Int64 = 91
        static let clone: Int64 = 120
        static let protect: Int64 = 125
        static let processControl: Int64 = 172
        static let signalAction: Int64 = 174
        static let signalMask: Int64 = 175
        static let readAt: Int64 = 180
        static let writeAt: Int64 = 181
        static let alternateStack: Int64 = 186
        static let map: Int64 = 192
        static let truncate: Int64 = 194
        static let residency: Int64 = 219
        static let advise: Int64 = 220
        static let fileControl: Int64 = 221
        static let threadID: Int64 = 224
        static let exitGroup: Int64 = 248
        static let signalThread: Int64 = 268
        static let socket: Int64 = 281
        static let connect: Int64 = 283
        static let send: Int64 = 290
        static let receive: Int64 = 297
        static let open: Int64 = 322
        static let readLink: Int64 = 332
        static let limits: Int64 = 369
        static let readProcess: Int64 = 376
        static let memoryBarrier: Int64 = 389
        static let fileStatus: Int64 = 397
        static let clock: Int64 = 403
        static let poll: Int64 = 414
        static let futex: Int64 = 422
        static let clone3: Int64 = 435
    }

    extension System {
        static func setFileByteCount(_ descriptor: Int64, _ byteCount: UInt64) -> Int64 {
            call(CallNumber.truncate, descriptor, 0, Int64(byteCount & 0xffff_ffff), Int64(byteCount >> 32))
        }

        /// mmap2 counts its offset in units of 4096 bytes.
        static func mapPages(
            _ address: Int64, _ byteCount: Int64, _ protection: Int64, _ flags: Int64, _ descriptor: Int64,
            offset: UInt64
        ) -> Int64 {
            call(CallNumber.map, address, byteCount, protection, flags, descriptor, Int64(offset / 4096))
        }

        /// An offset of 64 bits takes an even and an odd register: one before it stays unused.
        static func transferAt(
            _ number: Int64, _ descriptor: Int64, _ memory: UInt64, _ byteCount: UInt64, _ offset: UInt64
        ) -> Int64 {
            call(
                number, descriptor, Int64(bitPattern: memory), Int64(bitPattern: byteCount), 0,
                Int64(offset & 0xffff_ffff), Int64(offset >> 32))
        }
    }
#endif
