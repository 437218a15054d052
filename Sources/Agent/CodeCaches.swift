import AgentShims

/// Makes stores to code visible to instruction fetch on every core; nothing to do on x86-64.
///
/// A core that has fetched ahead goes on with what it has until it synchronises.
/// Source: Arm ARM B2.4.4: clean to the point of unification, barrier, invalidate, barrier.
enum CodeCaches {
    static func maintain(_ address: UInt64, _ byteCount: UInt64) {
        nopal_clean_code(address, byteCount)
        nopal_finish_cleaning()
        nopal_invalidate_code(address, byteCount)
        nopal_finish_invalidating()
    }
}
