import AgentShims

/// Begins a session in a program that was not started by Nopal, or left an earlier one.
enum Attaching {
    static func begin(_ request: UInt64) -> Bool {
        if AgentState.tables == 0 { AgentState.tables = System.allocate(Tables.byteCount) }
        guard AgentState.tables != 0, leaveDeadSession() else { return false }
        copy(request &+ UInt64(HelperRequest.agentPath), to: Tables.agentPath)
        copy(request &+ UInt64(HelperRequest.sessionPath), to: Tables.sessionPath)
        let gap: UInt64 = 128 << 20
        AgentState.mainStackHigh = nopal_load64(request &+ UInt64(HelperRequest.mainStackHigh))
        AgentState.mainStackLow = AgentState.mainStackHigh &- gap
        AgentState.process = System.processID()
        AgentState.isDisarmed = 0
        AgentState.moduleCount = 0
        if AgentState.forkMarker == 0 { Forking.prepareMarker() }
        guard Conversation.begin(.attached) else { return false }
        // The list is the loader's: it stays as it is while its lock is held.
        LoaderLock.hold(nopal_load64(request &+ UInt64(HelperRequest.iteratePrograms))) { _, _, _ in
            _ = ModuleList.tellChanges(Channel.main)
            return 1
        }
        Conversation.armWhatIsAnswered()
        Forking.listen()
        // Only now: a library that is opened meanwhile must not speak on the same connection.
        AgentState.setRecording(true)
        return true
    }

    /// False while the process belongs to a session whose host is alive. What a dead one has left
    /// armed, the new host puts back before it arms anything; its memory stays mapped for threads that hold a block of it.
    private static func leaveDeadSession() -> Bool {
        if !AgentState.isRecording { return true }
        if Waiting.hostIsAlive() { return false }
        AgentState.setRecording(false)
        System.close(AgentState.socket)
        AgentState.socket = -1
        return true
    }

    private static func copy(_ from: UInt64, to offset: UInt64) {
        let to = Tables.address(offset)
        let count = CString.copy(from, to: to, limit: Tables.pathByteCount &- 1)
        nopal_store8(to &+ count, 0)
    }
}
