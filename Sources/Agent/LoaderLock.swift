import AgentShims

/// The lock under which the loader changes its list of modules: held while a callback of
/// `dl_iterate_phdr` runs.
enum LoaderLock {
    /// Shape: of dl_iterate_phdr's callback; the first two are not used, the third is `data`. 1 ends the iteration.
    typealias Callback = @convention(c) (UInt, UInt, UInt) -> Int32

    static func hold(_ iteratePrograms: UInt64, data: UInt64 = 0, _ callback: Callback) {
        typealias Iterate = @convention(c) (Callback, UInt) -> Int32
        if iteratePrograms == 0 {
            _ = callback(0, 0, UInt(truncatingIfNeeded: data))
        } else {
            _ = unsafeBitCast(UInt(truncatingIfNeeded: iteratePrograms), to: Iterate.self)(
                callback, UInt(truncatingIfNeeded: data))
        }
    }
}
