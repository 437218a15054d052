import AgentShims

/// The agent's constructor: the first code of the process after the loader, before any other
/// constructor, so nobody else runs. Without a session in the environment it does nothing.
@c(nopal_start)
public func start(environment: UInt64) {
    guard environment != 0, let found = Environment.takeSession(environment) else { return }
    AgentState.tables = System.allocate(Tables.byteCount)
    guard AgentState.tables != 0 else { return }
    _ = CString.copy(found.agent, to: Tables.address(Tables.agentPath), limit: Tables.pathByteCount &- 1)
    _ = CString.copy(found.session, to: Tables.address(Tables.sessionPath), limit: Tables.pathByteCount &- 1)
    Environment.erase(found)
    setMainStack(environment)
    AgentState.process = System.processID()
    let mask = System.blockSignals()
    defer { System.restoreSignals(mask) }
    guard Conversation.begin(afterFork: false) else { return }
    Conversation.tellModules()
    nopal_register_fork_child { forked() }
}

/// The kernel keeps at least 128 MiB below the top of the main stack free of other mappings.
private func setMainStack(_ environment: UInt64) {
    let gap: UInt64 = 128 << 20
    let above: UInt64 = 16 << 20
    AgentState.mainStackLow = environment &- gap
    AgentState.mainStackHigh = environment &+ above
}

/// Runs in a forked child, on its only thread, before any of its own code.
private func forked() {
    guard AgentState.memory != 0, let thread = nopal_thread_state() else { return }
    AgentState.process = System.processID()
    thread.abandonAfterFork()
    let mask = System.blockSignals()
    defer { System.restoreSignals(mask) }
    System.close(AgentState.socket)
    AgentState.socket = -1
    if !Conversation.begin(afterFork: true) { Disarming.run() }
}
