import AgentShims

/// The loader's list of modules, as `struct r_debug` and `struct link_map` of <link.h> show it.
///
/// Read while the loader's lock is held, or before `main`.
enum ModuleList {
    private static var head: UInt64 {
        let debug = UInt64(UInt(bitPattern: nopal_r_debug()))
        return debug == 0 ? 0 : Word.field(debug, 1)
    }

    /// 0 when the list is consistent.
    static var state: UInt32 {
        let debug = UInt64(UInt(bitPattern: nopal_r_debug()))
        return debug == 0 ? 0 : nopal_load32(debug &+ 3 &* UInt64(Word.byteCount))
    }

    static var breakAddress: UInt64 {
        let debug = UInt64(UInt(bitPattern: nopal_r_debug()))
        return debug == 0 ? 0 : Word.field(debug, 2)
    }

    /// Every module: where its path stands, and its load bias.
    static func each(_ body: (_ path: UInt64, _ bias: UInt64) -> Void) {
        var map = head
        while map != 0 {
            body(Word.field(map, 1), Word.field(map, 0))
            map = Word.field(map, 3)
        }
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
            let bias = Word.field(map, 0)
            let dynamic = Word.field(map, 2)
            if !isKnown(dynamic) && AgentState.moduleCount < Tables.moduleCapacity {
                nopal_store64(known(AgentState.moduleCount), dynamic)
                nopal_store64(known(AgentState.moduleCount) &+ 8, bias)
                AgentState.moduleCount = AgentState.moduleCount &+ 1
                let text = channel.setText(Word.field(map, 1))
                if !channel.send(.module, a: bias, b: dynamic, textByteCount: text) { return false }
                added = true
            }
            map = Word.field(map, 3)
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
            if Word.field(map, 2) == dynamic { return true }
            map = Word.field(map, 3)
        }
        return false
    }
}

/// Counts the tasks of this process: plans for exclusive use need exactly one.
enum TaskCounter {
    static func count() -> UInt64 {
        let path: StaticString = "/proc/self/task"
        let directory = System.open(UInt64(UInt(bitPattern: path.utf8Start)), flags: 0)
        if directory < 0 { return 0 }
        defer { System.close(directory) }
        // The links of a directory in /proc: two, and one a subdirectory.
        guard let status = FileStatus(directory), status.linkCount > 2 else { return 0 }
        return status.linkCount &- 2
    }
}
