import AgentShims

/// Tracing without a host: the plan is a file, made by `nopal prepare`, and events stay in a file of the session's
/// memory until `nopal collect` makes a trace of it. Runs in the constructor, before anybody else.
enum Standalone {
    typealias Header = StandalonePlan.Header

    /// In the constructor: nobody else runs.
    ///
    /// - Parameter path: of the plan; C string.
    static func begin(_ path: UInt64, _ environment: UInt64) {
        guard let plan = PlanMapping(path) else { return complain(.noPlan) }
        let problem = prepare(plan, folder: Environment.value(environment, "NOPAL_EVENTS=") ?? 0)
        if problem != .traced {
            plan.unmap()
            return complain(problem)
        }
        StandaloneModules.prepare(plan)
        StandaloneModules.complain()
        Unwinding.registerArenas()
        StandaloneModules.arm(plan)
        AgentState.setRecording(true)
        StandaloneWindows.noteArmed()
        Forking.listen()
        StandaloneWindows.start(plan)
    }

    /// Everything that a plan needs before its arenas; other threads may run. `.traced` when nothing is missing.
    static func prepare(_ plan: PlanMapping, folder: UInt64) -> AttachRequest.Outcome {
        guard StandaloneModules.isForThisProgram(plan) else { return .otherProgram }
        guard StandaloneState.chooseClock(readsCounter: plan.word32(Header.readsCounter) != 0) else {
            return .noCounter
        }
        guard findUnwinder() else { return .noUnwinder }
        if System.monotonicNanos() == 0 { return .oldKernel }
        #if !arch(x86_64)
            if StandaloneState.word(0) == nil { return .farState }
        #endif
        guard StandaloneMemory.make(plan, folder: folder) else { return .noEventsFile }
        AgentState.depthLimit = plan.word64(Header.depthLimit)
        AgentState.isStandalone = true
        return .traced
    }

    private static func complain(_ problem: AttachRequest.Outcome) {
        switch problem {
        case .noPlan:
            say("nopal: what NOPAL_PLAN names can't be read, or is no plan for this agent: see nopal prepare\n")
        case .noCounter:
            say("nopal: user space may not read the counter here; nothing is traced: prepare with --clock call\n")
        case .noUnwinder:
            say("nopal: no unwinder is loaded; nothing is traced: add libgcc_s.so.1 to LD_PRELOAD\n")
        case .oldKernel: say("nopal: nothing is traced: Linux 5.1 or later is needed\n")
        case .farState:
            say("nopal: thread-local storage of the agent lies too far for its stubs; nothing is traced\n")
        case .noEventsFile:
            say("nopal: the file for events can't be made; nothing is traced: name a folder in NOPAL_EVENTS\n")
        default:
            // Another program that was started on the way, a shell for example.
            break
        }
    }

    static func say(_ text: StaticString) {
        let standardError: Int64 = 2
        _ = System.call(
            CallNumber.write, standardError, Int64(Int(bitPattern: text.utf8Start)), Int64(text.utf8CodeUnitCount))
    }

    /// As the program and its libraries have it. One that came later would not know the stubs, and C programs load it
    /// when a thread is cancelled.
    private static func findUnwinder() -> Bool {
        #if !arch(x86_64)
            AgentState.registerFrame = nopal_unwinder_function(0)
            AgentState.getRegister = nopal_unwinder_function(1)
            AgentState.deregisterFrame = nopal_unwinder_function(2)
            AgentState.registerTakesStorage = true
        #endif
        return AgentState.registerFrame != 0 && AgentState.getRegister != 0
    }

    static func count(_ offset: Int, _ more: UInt64 = 1) { _ = nopal_add64(AgentState.field(offset), more) }
}

/// A plan file in memory. What it says of its own layout is looked at before it is followed.
struct PlanMapping {
    let start: UInt64
    private let byteCount: UInt64

    /// Whether the other file has the same bytes.
    func isSame(as other: PlanMapping) -> Bool {
        guard byteCount == other.byteCount else { return false }
        for index in 0..<byteCount where CString.byte(start &+ index) != CString.byte(other.start &+ index) {
            return false
        }
        return true
    }

    /// Nil when it can't be opened, or is no plan of this version and machine.
    init?(_ path: UInt64) {
        let descriptor = System.open(path, flags: 0)
        if descriptor < 0 { return nil }
        defer { System.close(descriptor) }
        byteCount = System.fileByteCount(descriptor)
        if byteCount < UInt64(StandalonePlan.headerByteCount) { return nil }
        start = System.map(descriptor, byteCount: byteCount, protection: System.protectRead, shared: false)
        if start == 0 { return nil }
        typealias Header = StandalonePlan.Header
        let modules = UInt64(word32(Header.moduleCount)) &* UInt64(StandalonePlan.moduleByteCount)
        guard word64(Header.magic) == StandalonePlan.magic, word32(Header.version) == StandalonePlan.version,
            word32(Header.machine) == StandaloneState.machine,
            part(UInt64(StandalonePlan.headerByteCount), modules) != 0
        else {
            unmap()
            return nil
        }
    }

    func word32(_ offset: Int) -> UInt32 { nopal_load32(start &+ UInt64(offset)) }
    func word64(_ offset: Int) -> UInt64 { nopal_load64(start &+ UInt64(offset)) }

    /// Where bytes of the file lie; 0 when it has not all of them.
    func part(_ offset: UInt64, _ count: UInt64) -> UInt64 {
        offset <= byteCount && count <= byteCount &- offset ? start &+ offset : 0
    }

    func unmap() { System.unmap(start, byteCount) }
}
