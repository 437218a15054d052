import AgentShims

/// What the host put into the environment, and keeping it from the traced program's sight.
///
/// The two variables stand last: `LD_PRELOAD=agent[:the user's own]` and `NOPAL_SESSION=path`.
/// A user's own LD_PRELOAD stands before them, as it was.
enum Environment {
    struct Found {
        /// Addresses of the values, C strings. `agent` ends at a colon or at the end.
        var agent: UInt64
        var session: UInt64
        var preloadEntry: UInt64
        var sessionEntry: UInt64
    }

    /// Takes the variables out of the list; nil when the program was not started by a host.
    static func takeSession(_ environment: UInt64) -> Found? {
        var found = Found(agent: 0, session: 0, preloadEntry: 0, sessionEntry: 0)
        var kept = environment
        var at = environment
        while true {
            let entry = nopal_load_word(at)
            at = at &+ UInt64(Word.byteCount)
            if entry != 0 && CString.begins(entry, with: "NOPAL_SESSION=") {
                found.sessionEntry = entry
                found.session = entry &+ 14
                continue
            }
            if entry != 0 && CString.begins(entry, with: "LD_PRELOAD=")
                && CString.contains(entry, "libnopal-agent") && found.agent == 0
            {
                found.preloadEntry = entry
                found.agent = entry &+ 11
                continue
            }
            nopal_store_word(kept, entry)
            kept = kept &+ UInt64(Word.byteCount)
            if entry == 0 { break }
        }
        return found.session == 0 || found.agent == 0 ? nil : found
    }

    /// The value of a variable, a C string; nil when it is not set.
    ///
    /// - Parameter name: with the sign that ends it.
    static func value(_ environment: UInt64, _ name: StaticString) -> UInt64? {
        var at = environment
        while true {
            let entry = nopal_load_word(at)
            if entry == 0 { return nil }
            if CString.begins(entry, with: name) { return entry &+ UInt64(name.utf8CodeUnitCount) }
            at = at &+ UInt64(Word.byteCount)
        }
    }

    /// Zeroes the strings, so that /proc/self/environ does not show them either.
    static func erase(_ found: Found) {
        let path = Tables.address(Tables.agentPath)
        var count: UInt64 = 0
        while CString.byte(path &+ count) != 0 {
            if CString.byte(path &+ count) == 58 { nopal_store8(path &+ count, 0) }
            count = count &+ 1
        }
        let sessionEnd = found.sessionEntry &+ CString.length(found.sessionEntry) &+ 1
        let areTogether = found.preloadEntry &+ CString.length(found.preloadEntry) &+ 1 == found.sessionEntry
        zero(found.preloadEntry)
        zero(found.sessionEntry)
        // They stand last where the host or the exec hook put them.
        if areTogether { KernelView.endEnvironment(at: found.preloadEntry, was: sessionEnd) }
    }

    private static func zero(_ at: UInt64) {
        let count = CString.length(at)
        for index in 0..<count { nopal_store8(at &+ index, 0) }
    }
}
