import AgentShims

/// The places outside the traced functions where the agent gets control: libc's `execve`, which
/// every exec of libc goes through, its `_Fork`, `clone` and `syscall`, which make children behind
/// its fork handlers' back, and the loader's `_dl_debug_state`, which it calls when its list of
/// modules has changed.
enum Hooks {
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
        if writes {
            HookWriting.write(hook, to: HookedFunctions.code(UInt32(truncatingIfNeeded: function)))
        }
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
