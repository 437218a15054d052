import AgentShims

/// The size of addresses, and structures made of them: the loader's, libc's, the kernel's.
enum Word {
    static let byteCount = MemoryLayout<UInt>.size

    /// The word number `index` of a structure.
    static func field(_ address: UInt64, _ index: UInt64) -> UInt64 {
        nopal_load_word(address &+ index &* UInt64(byteCount))
    }

    static func set(_ address: UInt64, _ index: UInt64, _ value: UInt64) {
        nopal_store_word(address &+ index &* UInt64(byteCount), value)
    }

    /// Minus a number, in the size of addresses: what stubs compute.
    static func negated(_ value: UInt64) -> UInt64 { UInt64(0 &- UInt(truncatingIfNeeded: value)) }

    static let maximum = UInt64(UInt.max)
}
