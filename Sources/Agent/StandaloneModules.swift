import AgentShims

/// Finds the plan's modules among those that are loaded, prepares their arenas, and arms them.
enum StandaloneModules {
    private typealias Module = StandalonePlan.Module
    private typealias Events = StandalonePlan.Events

    /// Whether the process runs the plan's program: its first module.
    static func isForThisProgram(_ plan: PlanMapping) -> Bool {
        guard plan.word32(StandalonePlan.Header.moduleCount) > 0 else { return false }
        return withProgramName { isNamed(module(plan, 0), $0) }
    }

    private static func module(_ plan: PlanMapping, _ index: UInt32) -> UInt64 {
        plan.start &+ UInt64(StandalonePlan.headerByteCount) &+ UInt64(index) &* UInt64(StandalonePlan.moduleByteCount)
    }

    /// The program's path, as the kernel knows it: the loader has none of its own.
    private static func withProgramName<Result>(_ body: (UInt64) -> Result) -> Result {
        let link: StaticString = "/proc/self/exe"
        let workingDirectory: Int64 = -100
        var path = InlineArray<4096, UInt8>(repeating: 0)
        return withUnsafeMutablePointer(to: &path) { path in
            let at = UInt64(UInt(bitPattern: path))
            // One byte is left, which ends it.
            _ = System.call(
                CallNumber.readLink, workingDirectory, Int64(Int(bitPattern: link.utf8Start)),
                Int64(bitPattern: at), 4095)
            return body(at)
        }
    }

    /// Makes the arenas. The loader's list must not change meanwhile.
    static func prepare(_ plan: PlanMapping) {
        let count = plan.word32(StandalonePlan.Header.moduleCount)
        // The loader's list begins with the program, without a path.
        var isProgram = true
        ModuleList.each { path, bias in
            for index in 0..<count {
                let module = module(plan, index)
                if isProgram ? index > 0 : index == 0 || !isNamed(module, path) { continue }
                if isBuild(module, bias) { prepare(plan, module, bias) } else { Standalone.count(Events.strangers) }
            }
            isProgram = false
        }
    }

    /// Runs the plans of all arenas. Nobody else runs the code that they change.
    static func arm(_ plan: PlanMapping) {
        for index in 0..<BundleEntry.count {
            let entry = BundleEntry(index)
            if entry.start != 0 { StandaloneArena(plan, entry).arm(entry) }
        }
    }

    static func complain() {
        if nopal_load64(AgentState.field(Events.strangers)) > 0 {
            Standalone.say("nopal: a module is not the build that the plan was made for; it is not traced\n")
        }
        if nopal_load64(AgentState.field(Events.roomless)) > 0 {
            Standalone.say("nopal: a module has no room for stubs in a branch's reach; it is not traced\n")
        }
    }

    /// By the last part of its path.
    private static func isNamed(_ module: UInt64, _ path: UInt64) -> Bool {
        var name = path
        var at = path
        while CString.byte(at) != 0 {
            if CString.byte(at) == 47 { name = at &+ 1 }
            at = at &+ 1
        }
        var index: UInt64 = 0
        while index < UInt64(Module.nameByteCount) {
            let wanted = CString.byte(module &+ UInt64(Module.name) &+ index)
            if wanted != CString.byte(name &+ index) { return false }
            if wanted == 0 { return true }
            index = index &+ 1
        }
        return false
    }

    /// Whether the module is the file that the plan was made from: what stands at one place says so.
    private static func isBuild(_ module: UInt64, _ bias: UInt64) -> Bool {
        let address = nopal_load64(module &+ UInt64(Module.fingerprintAddress)) &+ bias
        let count = UInt64(nopal_load32(module &+ UInt64(Module.fingerprintByteCount)))
        if count == 0 || count > UInt64(Module.fingerprintCapacity) { return false }
        let mask = UInt64(Word.byteCount &- 1)
        for index in 0..<count {
            let at = address &+ index
            guard System.readSafely(at & ~mask, process: AgentState.process) != nil,
                CString.byte(at) == CString.byte(module &+ UInt64(Module.fingerprint) &+ index)
            else { return false }
        }
        return true
    }

    private static func prepare(_ plan: PlanMapping, _ module: UInt64, _ bias: UInt64) {
        let known = nopal_load32(AgentState.field(Events.moduleCount))
        if known < UInt32(Events.moduleCapacity) {
            let at = AgentState.field(Events.modules) &+ UInt64(known) &* 16
            nopal_store64(at, UInt64(nopal_load32(module &+ UInt64(Module.index))))
            nopal_store64(at &+ 8, bias)
            nopal_store32(AgentState.field(Events.moduleCount), known &+ 1)
        }
        let count = UInt64(nopal_load32(module &+ UInt64(Module.arenaCount)))
        let arenas = plan.part(
            nopal_load64(module &+ UInt64(Module.arenasOffset)), count &* UInt64(StandalonePlan.arenaByteCount))
        if arenas == 0 { return }
        // Groups stand one after the other.
        var group = ~UInt64(0)
        var isDone = true
        for index in 0..<count {
            let arena = StandaloneArena(
                plan: plan, arena: arenas &+ index &* UInt64(StandalonePlan.arenaByteCount), bias: bias)
            if arena.group != group {
                if !isDone { Standalone.count(Events.roomless) }
                group = arena.group
                isDone = false
            }
            if !isDone { isDone = arena.prepare() }
        }
        if !isDone { Standalone.count(Events.roomless) }
    }
}
