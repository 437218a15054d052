import AgentShims

/// A forked child is a process of its own: it must not write into its parent's block.
///
/// `fork` of libc tells by its list of handlers. `_Fork`, `clone` and raw system calls do not: the
/// hooks of libc's functions give the block back before, so that both sides start with none, and
/// the child finds out when it takes its first. A page that the kernel empties in a forked child
/// tells, at no cost to anybody; in a child that shares its parent's memory it stays as it is.
enum Forking {
    static func prepareMarker() {
        let wipeOnFork: Int64 = 18
        let noAdvice: Int64 = 0x7fff
        let marker = System.allocate(4096)
        if marker == 0 { return }
        // An emulator takes any advice and follows none. It makes a process of every vfork, too.
        if System.advise(marker, 4096, noAdvice) >= 0 { AgentState.comparesProcess = true }
        _ = System.advise(marker, 4096, wipeOnFork)
        nopal_store32(marker, 1)
        AgentState.forkMarker = marker
    }

    /// True once in a child that has not been told of its fork.
    static var isUnnoticed: Bool {
        if AgentState.comparesProcess { return System.processID() != AgentState.process }
        return AgentState.forkMarker != 0 && nopal_load32(AgentState.forkMarker) == 0
    }

    /// Makes the process a session's process of its own. Runs on its only thread.
    static func begin() {
        guard AgentState.isRecording, let thread = nopal_thread_state() else { return }
        if AgentState.forkMarker != 0 { nopal_store32(AgentState.forkMarker, 1) }
        AgentState.process = System.processID()
        thread.abandonAfterFork()
        let mask = System.blockSignals()
        defer { System.restoreSignals(mask) }
        System.close(AgentState.socket)
        AgentState.socket = -1
        if AgentState.helperSocket >= 0 { System.close(AgentState.helperSocket) }
        AgentState.helperSocket = -1
        LiveExecutor.finishInForkedChild()
        // Without a host the child goes on in the same file of events, under its own number.
        if AgentState.isStandalone { return }
        if !Conversation.begin(.forked) { Disarming.run() }
    }

    /// Asks libc, once, to be told in forked children.
    static func listen() {
        if AgentState.hearsOfForks { return }
        AgentState.hearsOfForks = true
        nopal_register_fork_child { Forking.begin() }
    }
}

/// Which function of libc is about to be run; the values stand in the hooks' assembly.
private enum ForkingFunction {
    static let fork: UInt64 = 0
    static let clone: UInt64 = 1
    static let systemCall: UInt64 = 2
}

/// Gives the thread's block back before a call that may make a child with a copy of its memory.
///
/// - Parameters:
///   - function: 0 `_Fork`, 1 `clone(function, stack, flags, ...)`, 2 `syscall(number, ...)`.
///   - first, second, third: its first arguments.
@c(nopal_prepare_fork)
public func prepareFork(function: UInt64, first: UInt64, second: UInt64, third: UInt64) {
    let sharesMemory: UInt64 = 0x100
    switch function {
    case ForkingFunction.clone: if third & sharesMemory != 0 { return }
    case ForkingFunction.systemCall:
        let fork = UInt64(bitPattern: CallNumber.fork)
        let clone = UInt64(bitPattern: CallNumber.clone)
        let clone3 = UInt64(bitPattern: CallNumber.clone3)
        if first == clone3 {
            if second == 0 || nopal_load64(second) & sharesMemory != 0 { return }
        } else if first == clone {
            if second & sharesMemory != 0 { return }
        } else if first != fork {
            return
        }
    default: break
    }
    guard AgentState.isRecording, let thread = nopal_thread_state() else { return }
    Blocks.giveBack(thread)
}
