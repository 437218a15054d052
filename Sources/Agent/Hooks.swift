import AgentShims

/// The places outside the traced functions where the agent gets control: libc's `execve`, which
/// every exec of libc goes through, its `_Fork`, `clone` and `syscall`, which make children behind
/// its fork handlers' back, and the loader's `_dl_debug_state`, which it calls when its list of
/// modules has changed.
enum Hooks {
    private static let jump: UInt64 = 0xe9

    /// Follows message `armed`. Does each part once.
    static func install() {
        let execve = Message.field(0)
        if Message.field(1) != 0 && AgentState.registerFrame == 0 {
            AgentState.registerFrame = Message.field(1)
            AgentState.getRegister = Message.field(2)
            AgentState.registerTakesStorage = Message.field(5) != 0
            AgentState.deregisterFrame = nopal_load64(Message.textAddress &+ 24)
        }
        let lateDynamic = Message.field(4)
        if execve != 0 && AgentState.execResume == 0 {
            hookExec(execve)
            hookForks()
        }
        if Message.field(3) != 0 { hookModules(ModuleList.breakAddress) }
        if lateDynamic != 0 && !AgentState.isUnwinderReady {
            Unwinding.deferRegistration(dynamic: lateDynamic, bias: Message.field(6))
        } else if AgentState.originalUnwinderInit == 0 || AgentState.isUnwinderReady {
            Unwinding.registerArenas()
        }
    }

    /// `mov $59, %eax` has the size of a jump; the hook does it and comes back to the `syscall`.
    private static func hookExec(_ execve: UInt64) {
        let moveNumber: UInt64 = 0x00_0000_3bb8
        guard nopal_load_bytes(execve, 5) == moveNumber, nopal_load_bytes(execve &+ 5, 2) == 0x050f else { return }
        AgentState.execResume = execve &+ 5
        nopal_set_exec_resume(execve &+ 5)
        let hook: @convention(c) () -> Void = nopal_exec_hook
        write(at: execve, jumpTo: UInt64(unsafeBitCast(hook, to: UInt.self)))
    }

    /// Each hook runs the instructions that its jump replaces, if exactly these stand there.
    private static func hookForks() {
        let clone = nopal_load64(Message.textAddress)
        let systemCall = nopal_load64(Message.textAddress &+ 8)
        let fork = nopal_load64(Message.textAddress &+ 16)
        // mov $-22, %rax | mov %rdi, %rax; mov %rsi, %rdi | mov %fs:0x10, %rax
        if clone != 0 && nopal_load_bytes(clone, 7) == 0xff_ffff_eac0_c748 {
            nopal_set_fork_resume(1, clone &+ 7)
            write(at: clone, jumpTo: nopal_fork_hook(1))
        }
        if systemCall != 0 && nopal_load_bytes(systemCall, 6) == 0xf789_48f8_8948 {
            nopal_set_fork_resume(2, systemCall &+ 6)
            write(at: systemCall, jumpTo: nopal_fork_hook(2))
        }
        if fork != 0 && nopal_load_bytes(fork, 8) == 0x0000_1025_048b_4864 && nopal_load_bytes(fork &+ 8, 1) == 0 {
            nopal_set_fork_resume(0, fork &+ 9)
            write(at: fork, jumpTo: nopal_fork_hook(0))
        }
    }

    /// The loader's function is a lone `ret`, padded to 16 bytes.
    private static func hookModules(_ address: UInt64) {
        guard address != 0, address % 16 == 0, CString.byte(address) == 0xc3 else { return }
        let padding = CString.byte(address &+ 1)
        guard padding == 0x66 || padding == 0x0f || padding == 0x90 || padding == 0xcc else { return }
        let hook: @convention(c) () -> Void = modulesChanged
        write(at: address, jumpTo: UInt64(unsafeBitCast(hook, to: UInt.self)))
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

/// Stands in for `_dl_debug_state`. Runs on the thread that opens or closes a library, under the
/// loader's lock.
@c(nopal_modules_changed)
public func modulesChanged() {
    let consistent: UInt32 = 0
    guard ModuleList.state == consistent, AgentState.memory != 0, AgentState.isDisarmed == 0 else { return }
    let mask = System.blockSignals()
    defer { System.restoreSignals(mask) }
    Conversation.tellModules()
}
