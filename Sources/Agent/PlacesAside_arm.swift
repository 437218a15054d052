#if arch(arm)
    import AgentShims

    /// Where the agent's next large memory is looked for.
    private enum PlacesAside {
        static let first: UInt64 = 0x5800_0000
        nonisolated(unsafe) static var next: UInt32 = 0x5800_0000
    }

    extension System {
        /// Large memory of the agent's lies far from where libraries come: their arenas need room within a branch's reach.
        /// 0 for small memory, and when there is none there.
        static func allocateAside(_ byteCount: UInt64) -> UInt64 {
            let large: UInt64 = 512 << 10
            let end: UInt64 = 0x9000_0000
            if byteCount < large { return 0 }
            let privateAnonymousNoReserveFixed: Int64 = 0x02 | 0x20 | 0x4000 | 0x100000
            let next = withUnsafeMutablePointer(to: &PlacesAside.next) { word($0) }
            while true {
                let place = UInt64(nopal_add32(next, UInt32(truncatingIfNeeded: byteCount &+ 0xffff) & ~0xffff))
                if place < PlacesAside.first || place &+ byteCount > end { return 0 }
                let at = mapPages(
                    Int64(place), Int64(bitPattern: byteCount), protectRead | protectWrite,
                    privateAnonymousNoReserveFixed, -1, offset: 0)
                if UInt64(bitPattern: at) == place { return place }
            }
        }
    }
#endif
