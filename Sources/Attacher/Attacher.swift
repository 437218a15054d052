import AgentShims

/// `nopal-attach`: begins to trace a program that runs, on a machine where nothing of Nopal is but this, the agent and a
/// plan. The agent prepares everything while the program runs; then all other threads are stopped, for as long as the
/// agent needs to arm the sites.
@c(nopal_attach_main)
public func attachMain(start: UInt) -> Int32 {
    let failure: Int32 = 1
    let usage: Int32 = 2
    let arguments: AttachArguments
    do throws(Complaint) { arguments = try AttachArguments(UInt64(start)) } catch {
        error.say(process: 0)
        help(2)
        return usage
    }
    if arguments.asksForHelp {
        help(1)
        return 0
    }
    do throws(Complaint) {
        try Attacher(arguments).attach()
        return 0
    } catch {
        error.say(process: arguments.process)
        return failure
    }
}

private func help(_ descriptor: Int64) {
    var help = Sentence()
    help.add(AttachArguments.usage)
    help.say(descriptor)
}

struct Attacher {
    private let arguments: AttachArguments
    private let process: ProcessFile
    private let maps: TargetMaps
    private let memory: TargetMemory

    private static let attempts = 200
    /// For loading the agent, and for each of its steps.
    private static let patienceNanos: UInt64 = 20_000_000_000

    init(_ arguments: AttachArguments) throws(Complaint) {
        self.arguments = arguments
        if System.monotonicNanos() == 0 { throw Complaint("the kernel is too old: Linux 5.1 or later is needed") }
        process = ProcessFile(process: arguments.process)
        maps = TargetMaps(file: process)
        let notPermitted: Int64 = -13
        let noSuchFile: Int64 = -2
        let descriptor = process.open("/mem", writable: true)
        if descriptor == noSuchFile { throw Complaint("there is no such process") }
        if descriptor == notPermitted {
            throw Complaint("it may not be traced: it is not yours, or /proc/sys/kernel/yama/ptrace_scope forbids it")
        }
        if descriptor < 0 { throw Complaint("its memory can't be opened: error ", number: UInt64(0 &- descriptor)) }
        memory = TargetMemory(descriptor: descriptor)
    }

    func attach() throws(Complaint) {
        try check()
        let started = try StartedCode(process, memory, arguments)
        try waitForAgent(started)
        let request = started.request
        var attempt = 0
        var obstacle: UInt64?
        var windows: Windows?
        while try step(request, after: AttachRequest.Step.prepared) == AttachRequest.Step.prepared {
            attempt += 1
            let sites: Windows
            if let windows { sites = windows } else { sites = try readWindows(request) }
            windows = sites
            obstacle = try stopAndArm(request, sites, isLast: attempt == Self.attempts)
        }
        let outcome = value(request, AttachRequest.outcome)
        set(request, AttachRequest.step, AttachRequest.Step.read)
        try report(AttachRequest.Outcome(rawValue: outcome) ?? .givenUp, obstacle)
    }

    private func readWindows(_ request: UInt64) throws(Complaint) -> Windows {
        try Windows(
            memory, entries: value(request, AttachRequest.entries), entryCount: value(request, AttachRequest.entryCount)
        )
    }

    /// What can be told before anything is touched.
    private func check() throws(Complaint) {
        if arguments.process == UInt64(System.processID()) { throw Complaint("it is this command") }
        try checkStatus(TargetStatus(process))
        try checkFile(arguments.plan, "the plan can't be read: ")
        try checkFile(arguments.agent, "the agent can't be read: ")
        guard let program = TargetProgram(process) else {
            throw Complaint("its program can't be read: a thread of the kernel, or in another file system namespace")
        }
        if !program.isOwn {
            throw Complaint("its program is of another instruction set than this nopal-attach: take the one for it")
        }
        guard let agent = TargetProgram(path: arguments.agent), agent.isOwn else {
            throw Complaint("not an agent for this instruction set: ", path: arguments.agent)
        }
    }

    private func checkStatus(_ status: TargetStatus) throws(Complaint) {
        if status.isOver { throw Complaint("it has ended already, or its first thread has") }
        if status.isElsewhere {
            throw Complaint("it is in another PID namespace: run this command there (nsenter -t PID -p -m)")
        }
        if status.leader != arguments.process {
            throw Complaint("it is a thread of the process ", number: status.leader, ": name that one")
        }
        if status.tracer != 0 { throw Complaint("it is traced by another process, ", number: status.tracer) }
        if status.isStopped { throw Complaint("it is stopped by job control: let it go on first (kill -CONT)") }
        if status.isFiltered {
            throw Complaint("a seccomp filter may kill it for a system call that it does not expect")
        }
    }

    private func checkFile(_ path: UInt64, _ what: StaticString) throws(Complaint) {
        let descriptor = System.open(path, flags: 0)
        if descriptor < 0 { throw Complaint(what, path: path) }
        System.close(descriptor)
    }

    private func value(_ request: UInt64, _ field: Int) -> UInt64 { memory.value(request &+ UInt64(field)) ?? 0 }
    private func set(_ request: UInt64, _ field: Int, _ value: UInt64) { memory.set(request &+ UInt64(field), value) }

    private func waitForAgent(_ started: StartedCode) throws(Complaint) {
        let end = System.monotonicNanos() &+ Self.patienceNanos
        let request = started.request
        while true {
            guard let created = memory.value(request &+ UInt64(HelperRequest.createResult)),
                let progress = memory.value(request &+ UInt64(HelperRequest.progress))
            else { throw Complaint("it ended meanwhile") }
            // Stored in two halves on 32-bit Arm.
            let result = UInt32(truncatingIfNeeded: created)
            if result != ~0 && result != 0 {
                throw Complaint("it can't make a thread: pthread_create gives ", number: UInt64(result))
            }
            if progress == HelperRequest.Progress.called { return }
            if progress == HelperRequest.Progress.failed {
                var line = Sentence()
                line.add("nopal-attach: the agent can't be loaded: ")
                memory.add(value(request, HelperRequest.openError), to: &line)
                line.say(2)
                set(request, HelperRequest.progress, HelperRequest.Progress.read)
                throw Complaint("it goes on untraced")
            }
            if System.monotonicNanos() > end {
                throw Complaint(
                    "its loader does not load the agent: one of its threads holds the loader's lock, or malloc's")
            }
            Pause.nanos(1_000_000)
        }
    }

    /// Waits until the agent has come to a step, or to its end.
    private func step(_ request: UInt64, after wanted: UInt64) throws(Complaint) -> UInt64 {
        let end = System.monotonicNanos() &+ Self.patienceNanos
        while true {
            guard let step = memory.value(request &+ UInt64(AttachRequest.step)) else {
                throw Complaint("it ended meanwhile")
            }
            if step == wanted || step == AttachRequest.Step.ended { return step }
            if System.monotonicNanos() > end {
                // The agent sees that nobody waits for it any more.
                throw Complaint("the agent does not come to its next step")
            }
            Pause.nanos(200_000)
        }
    }

    /// Stops the threads; if none is inside of a site, the agent arms all. Otherwise, they go on: the place that one of
    /// them stands at.
    private func stopAndArm(_ request: UInt64, _ windows: Windows, isLast: Bool) throws(Complaint) -> UInt64? {
        // Whoever ends this command meanwhile would let the threads go while the sites are written.
        let mask = System.blockSignals()
        defer { System.restoreSignals(mask) }
        var threads = try StoppedThreads(process)
        do throws(Complaint) { try threads.stopAll(but: value(request, AttachRequest.thread)) } catch {
            set(request, AttachRequest.step, AttachRequest.Step.givenUp)
            throw error
        }
        defer { threads.release() }
        let scan = StackScan(memory: memory, stacks: TargetStacks(maps), windows: windows)
        for index in 0..<threads.count {
            guard let place = scan.obstacle(threads[index]) else { continue }
            set(request, AttachRequest.step, isLast ? AttachRequest.Step.givenUp : AttachRequest.Step.again)
            return place
        }
        #if arch(arm)
            redirectUnwinder()
        #endif
        set(request, AttachRequest.step, AttachRequest.Step.stopped)
        _ = try step(request, after: AttachRequest.Step.armed)
        return nil
    }

    #if arch(arm)
        /// The agent was loaded too late to be asked by the unwinder before the C library.
        private func redirectUnwinder() {
            let name: StaticString = "__gnu_Unwind_Find_exidx"
            var target: UInt64?
            TargetModule.each(maps, memory) { module in
                if module.function("nopal_help") != nil { target = module.function(name) }
                return target == nil
            }
            guard let target else { return }
            TargetModule.each(maps, memory) { module in
                module.redirect(name, to: target)
                return true
            }
        }
    #endif

    private func report(_ outcome: AttachRequest.Outcome, _ obstacle: UInt64?) throws(Complaint) {
        switch outcome {
        case .traced: try TracedReport(maps).say(process: arguments.process)
        case .tracedAlready: throw Complaint("it is traced already, or being attached to")
        case .otherPlan:
            throw Complaint(
                "an attempt with another plan was given up before, and only that plan can be used: take it again")
        case .noPlan: throw Complaint("no plan for this agent, or not readable for the process: ", path: arguments.plan)
        case .otherProgram: throw Complaint("it runs another program than the plan's: ", path: arguments.plan)
        case .noCounter:
            throw Complaint("user space may not read the counter here: make the plan with 'nopal prepare --clock call'")
        case .noUnwinder: throw Complaint("it has no unwinder, and libgcc_s.so.1 was not found for it: install it")
        case .noEventsFile:
            throw Complaint(
                "the file for events can't be made by the process: name a folder with -o that it may write to")
        case .oldKernel: throw Complaint("the kernel is too old: Linux 5.1 or later is needed")
        case .farState:
            throw Complaint(
                "the agent's thread-local storage lies too far for its stubs: start it with NOPAL_PLAN and LD_PRELOAD")
        case .noMemory: throw Complaint("it has no memory for the agent")
        case .givenUp:
            guard let obstacle else {
                throw Complaint(
                    "it does not see this command waiting: run it where the process's numbers are the same (PID namespace)"
                )
            }
            throw Complaint(
                "one of its threads stays inside of a site, at ", address: obstacle,
                ": nothing was changed; the same command may succeed later")
        }
    }
}
