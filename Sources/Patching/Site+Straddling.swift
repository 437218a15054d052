/// The boundaries that matter to who patches code that others execute.
///
/// Modules are mapped at multiples of a page, so link-time addresses answer for all of them.
extension Site {
    /// What the bytes of the sled cross, the widest one: storing across it is two stores.
    public enum Straddling: String, Sendable {
        case none, word, line, page
    }

    /// From where to where the sled's first and last byte stand: the same 8-byte word, or the
    /// next word, 64-byte cache line, or 4096-byte page.
    public var straddling: Straddling {
        let last = address &+ UInt64(sledByteCount - 1)
        if address >> 12 != last >> 12 { return .page }
        if address >> 6 != last >> 6 { return .line }
        return address >> 3 != last >> 3 ? .word : .none
    }

    /// All the bytes that arming writes: the sled and what is slid or blanked behind it.
    public var window: Range<UInt64> { address..<(address &+ UInt64(original.count)) }
}
