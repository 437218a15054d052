import AgentShims

/// The loader's list of modules, as `struct r_debug` and `struct link_map` of <link.h> show it.
///
/// Read while the loader's lock is held, or before `main`.
enum ModuleList {
    private static var head: UInt64 {
        let debug = UInt64(UInt(bitPattern: nopal_r_debug()))
        return debug == 0 ? 0 : nopal_load64(debug &+ 8)
    }

    /// 0 when the list is consistent.
    static var state: UInt32 {
        let debug = UInt64(UInt(bitPattern: nopal_r_debug()))
        return debug == 0 ? 0 : nopal_load32(debug &+ 24)
    }

    static var breakAddress: UInt64 {
        let debug = UInt64(UInt(bitPattern: nopal_r_debug()))
        return debug == 0 ? 0 : nopal_load64(debug &+ 16)
    }

    private static func known(_ index: UInt32) -> UInt64 {
        Tables.address(Tables.modules) &+ UInt64(index) &* Tables.moduleByteCount
    }

    /// Sends `moduleGone` and `module` for every difference to what was sent before; false when
    /// there is none, or the host is gone.
    static func tellChanges(_ channel: Channel) -> Bool {
        let gone = tellGone(channel)
        var added = false
        var map = head
        while map != 0 {
            let bias = nopal_load64(map)
            let dynamic = nopal_load64(map &+ 16)
            if !isKnown(dynamic) && AgentState.moduleCount < Tables.moduleCapacity {
                nopal_store64(known(AgentState.moduleCount), dynamic)
                nopal_store64(known(AgentState.moduleCount) &+ 8, bias)
                AgentState.moduleCount = AgentState.moduleCount &+ 1
                let text = channel.setText(nopal_load64(map &+ 8))
                if !channel.send(.module, a: bias, b: dynamic, textByteCount: text) { return false }
                added = true
            }
            map = nopal_load64(map &+ 24)
        }
        return added || gone
    }

    private static func tellGone(_ channel: Channel) -> Bool {
        var index: UInt32 = 0
        var gone = false
        while index < AgentState.moduleCount {
            let dynamic = nopal_load64(known(index))
            if isLoaded(dynamic) {
                index = index &+ 1
                continue
            }
            let bias = nopal_load64(known(index) &+ 8)
            forget(index)
            for bundle in 0..<BundleEntry.count where BundleEntry(bundle).bias == bias {
                BundleEntry(bundle).setGone()
            }
            channel.send(.moduleGone, a: bias)
            gone = true
        }
        return gone
    }

    private static func forget(_ index: UInt32) {
        AgentState.moduleCount = AgentState.moduleCount &- 1
        nopal_store64(known(index), nopal_load64(known(AgentState.moduleCount)))
        nopal_store64(known(index) &+ 8, nopal_load64(known(AgentState.moduleCount) &+ 8))
    }

    private static func isKnown(_ dynamic: UInt64) -> Bool {
        for index in 0..<AgentState.moduleCount where nopal_load64(known(index)) == dynamic { return true }
        return false
    }

    private static func isLoaded(_ dynamic: UInt64) -> Bool {
        var map = head
        while map != 0 {
            if nopal_load64(map &+ 16) == dynamic { return true }
            map = nopal_load64(map &+ 24)
        }
        return false
    }
}

/// Counts the tasks of this process: plans for exclusive use need exactly one.
enum TaskCounter {
    static func count() -> UInt64 {
        let path: StaticString = "/proc/self/task"
        var status = InlineArray<18, UInt64>(repeating: 0)
        let done = withUnsafeMutablePointer(to: &status) {
            System.call(4, Int64(Int(bitPattern: path.utf8Start)), System.address($0))
        }
        // st_nlink of a directory in /proc: two, and one a subdirectory.
        return done < 0 || status[2] < 3 ? 0 : status[2] &- 2
    }
}
