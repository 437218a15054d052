import AgentShims

/// The places outside the traced functions where the agent gets control: libc's `execve`, which
/// every exec of libc goes through, its `_Fork`, `clone` and `syscall`, which make children behind
/// its fork handlers' back, and the loader's `_dl_debug_state`, which it calls when its list of
/// modules has changed.
enum Hooks {
    private static let jump: UInt64 = 0xe9

    /// Follows message `armed`: what the unwinder is, and where hooked functions go on.
    static func install(_ channel: Channel, textByteCount: UInt64) {
        if channel.field(1) != 0 && AgentState.registerFrame == 0 {
            AgentState.registerFrame = channel.field(1)
            AgentState.getRegister = channel.field(2)
            AgentState.deregisterFrame = channel.field(3)
            AgentState.registerTakesStorage = channel.field(5) != 0
        }
        let writes = channel.field(0) != 0
        for index in 0..<textByteCount / UInt64(Hook.byteCount) {
            set(channel.textAddress &+ index &* UInt64(Hook.byteCount), writes: writes)
        }
        let lateDynamic = channel.field(4)
        if lateDynamic != 0 && !AgentState.isUnwinderReady {
            Unwinding.deferRegistration(dynamic: lateDynamic, bias: channel.field(6))
        } else if AgentState.originalUnwinderInit == 0 || AgentState.isUnwinderReady {
            Unwinding.registerArenas()
        }
    }

    /// One hook: where its function goes on, and, if nobody else runs, the jump.
    private static func set(_ hook: UInt64, writes: Bool) {
        let function = nopal_load64(hook)
        let address = nopal_load64(hook &+ 8)
        guard function < HookedFunctions.count, address != 0 else { return }
        HookedFunctions.setResume(UInt32(truncatingIfNeeded: function), nopal_load64(hook &+ 16))
        if writes && System.readSafely(address, process: AgentState.process) == nopal_load64(hook &+ 24) {
            write(at: address, jumpTo: HookedFunctions.code(UInt32(truncatingIfNeeded: function)))
        }
    }

    /// Nobody else runs: before `main`.
    private static func write(at address: UInt64, jumpTo target: UInt64) {
        let distance = Int64(bitPattern: target &- (address &+ 5))
        guard Int32(exactly: distance) != nil else { return }
        let page = address & ~4095
        let byteCount: UInt64 = (address &+ 4) & ~4095 == page ? 4096 : 8192
        let bits = UInt64(UInt32(truncatingIfNeeded: distance))
        if System.protect(page, byteCount, System.protectRead | System.protectWrite) < 0 { return }
        nopal_store_bytes(address, jump | bits << 8, 5)
        _ = System.protect(page, byteCount, System.protectRead | System.protectExecute)
    }
}

/// The code that hooked functions jump to, by the values of `HookedFunction`.
enum HookedFunctions {
    static let count: UInt32 = 5

    static func code(_ function: UInt32) -> UInt64 {
        if function == 0 {
            let hook: @convention(c) () -> Void = nopal_exec_hook
            return UInt64(unsafeBitCast(hook, to: UInt.self))
        }
        if function == 4 {
            let hook: @convention(c) () -> Void = modulesChanged
            return UInt64(unsafeBitCast(hook, to: UInt.self))
        }
        return nopal_fork_hook(function &- 1)
    }

    static func setResume(_ function: UInt32, _ address: UInt64) {
        if function == 0 { nopal_set_exec_resume(address) }
        if function >= 1 && function <= 3 { nopal_set_fork_resume(function &- 1, address) }
    }
}

/// Stands in for `_dl_debug_state`. Runs on the thread that opens or closes a library, under the
/// loader's lock.
@c(nopal_modules_changed)
public func modulesChanged() {
    let consistent: UInt32 = 0
    guard ModuleList.state == consistent, AgentState.isRecording, AgentState.isDisarmed == 0 else { return }
    let mask = System.blockSignals()
    defer { System.restoreSignals(mask) }
    Conversation.tellModules()
}
