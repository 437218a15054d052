import AgentShims

/// The agent's constructor: the first code of the process after the loader, before any other
/// constructor, so nobody else runs. Without a session in the environment it does nothing.
@c(nopal_start)
public func start(environment: UInt64) {
    guard environment != 0 else { return }
    guard let found = Environment.takeSession(environment) else {
        #if !arch(x86_64)
            startAlone(environment)
        #endif
        return
    }
    AgentState.tables = System.allocate(Tables.byteCount)
    guard AgentState.tables != 0 else { return }
    _ = CString.copy(found.agent, to: Tables.address(Tables.agentPath), limit: Tables.pathByteCount &- 1)
    _ = CString.copy(found.session, to: Tables.address(Tables.sessionPath), limit: Tables.pathByteCount &- 1)
    Environment.erase(found)
    setMainStack(environment)
    Forking.prepareMarker()
    #if !arch(x86_64)
        nopal_choose_clock(nopal_may_read_counter())
    #endif
    AgentState.process = System.processID()
    let mask = System.blockSignals()
    defer { System.restoreSignals(mask) }
    guard Conversation.begin(.started) else { return }
    Conversation.tellModules()
    Forking.listen()
    if AgentState.startsHelper { _ = nopal_start_thread(helpFromStart, nil) }
}

#if !arch(x86_64)
    /// Without a host: where NOPAL_PLAN names a plan.
    private func startAlone(_ environment: UInt64) {
        // An agent that is loaded into a running program is told by its attacher what to do.
        guard nopal_is_single_threaded() != 0, let plan = Environment.value(environment, "NOPAL_PLAN=") else { return }
        AgentState.tables = System.allocate(Tables.byteCount)
        guard AgentState.tables != 0 else { return }
        setMainStack(environment)
        Forking.prepareMarker()
        nopal_choose_clock(nopal_may_read_counter())
        let mask = System.blockSignals()
        defer { System.restoreSignals(mask) }
        Standalone.begin(plan, environment)
    }
#endif

/// The kernel keeps at least 128 MiB below the top of the main stack free of other mappings; emulators do not.
///
/// - Parameter environment: an address in the main stack, near its top.
func setMainStack(_ environment: UInt64) {
    let gap: UInt64 = 128 << 20
    #if arch(x86_64)
        let above: UInt64 = 16 << 20
        AgentState.mainStackLow = environment &- gap
        AgentState.mainStackHigh = environment &+ above
    #else
        let found = MapsReader.mapping(holding: environment)
        let low = found.high &- gap
        AgentState.mainStackHigh = found.high
        AgentState.mainStackLow = found.before > low ? found.before : low
    #endif
}
