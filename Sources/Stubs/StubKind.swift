import MachineCode

/// What all stubs of an arena have in common.
public struct StubKind: Equatable, Sendable {
    public var isa: InstructionSet
    /// Calls deeper than their thread's limit go to the body unrecorded.
    public var depthLimited: Bool
    /// Arm: user space may read the counter; else stubs ask the agent for the time.
    public var readsCounter: Bool

    public init(isa: InstructionSet = .x86_64, depthLimited: Bool = false, readsCounter: Bool = true) {
        self.isa = isa
        self.depthLimited = depthLimited
        self.readsCounter = readsCounter
    }

    /// Stubs that record entry and exit.
    ///
    /// Throws: `.unencodable` when the thread state is farther from the thread pointer than instructions reach.
    func entryAndExit(_ state: ThreadStateLayout) throws(StubError) -> StubTemplate {
        do {
            switch isa {
            case .x86_64: return .entryAndExit(state, depthLimited: depthLimited)
            case .a64:
                return try A64StubTemplate.entryAndExit(state, readsCounter: readsCounter, depthLimited: depthLimited)
            case .a32, .t32:
                return try A32StubTemplate.entryAndExit(
                    state, isThumb: isa == .t32, readsCounter: readsCounter, depthLimited: depthLimited)
            }
        } catch {
            throw .unencodable("\(error)")
        }
    }

    /// Stubs that record the entry alone.
    ///
    /// Throws: as `entryAndExit`.
    func entryOnly(_ state: ThreadStateLayout) throws(StubError) -> StubTemplate {
        do {
            switch isa {
            case .x86_64: return .entryOnly(state)
            case .a64: return try A64StubTemplate.entryOnly(state, readsCounter: readsCounter)
            case .a32, .t32:
                return try A32StubTemplate.entryOnly(state, isThumb: isa == .t32, readsCounter: readsCounter)
            }
        } catch {
            throw .unencodable("\(error)")
        }
    }
}
