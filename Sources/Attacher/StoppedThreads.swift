import AgentShims

/// A thread of the process that is stopped.
struct StoppedThread {
    var number: UInt64 = 0
    var registers = Registers()
    /// A signal that it was about to get: it gets it when it goes on.
    var signal: UInt64 = 0
    /// The call that the stop has ended, or that it waits in.
    var call = WaitingCall()
}

/// Stops threads of the process and lets them go on, as if nothing had been.
struct StoppedThreads {
    private static let capacity: UInt64 = 65536
    /// Made once; attempts follow each other.
    nonisolated(unsafe) private static var memory: UInt64 = 0
    private let process: ProcessFile
    private let table: UnsafeMutablePointer<StoppedThread>
    private(set) var count = 0

    init(_ process: ProcessFile) throws(Complaint) {
        if Self.memory == 0 {
            Self.memory = System.allocate(Self.capacity &* UInt64(MemoryLayout<StoppedThread>.stride))
        }
        guard let table = UnsafeMutablePointer<StoppedThread>(bitPattern: UInt(truncatingIfNeeded: Self.memory)) else {
            throw Complaint("there is no memory for its threads")
        }
        self.process = process
        self.table = table
    }

    subscript(_ index: Int) -> StoppedThread { table[index] }

    private func isStopped(_ thread: UInt64) -> Bool {
        for index in 0..<count where table[index].number == thread { return true }
        return false
    }

    /// Stops all threads but one, those too that they start meanwhile.
    mutating func stopAll(but excluded: UInt64) throws(Complaint) {
        var isComplete = false
        // Threads that were in the list, and had ended; those that stay there for somebody else start no other.
        var goneBefore: UInt64 = 0
        while !isComplete {
            // Whatever was not known in this turn may have started another thread.
            let before = count
            var gone: UInt64 = 0
            var problem: Complaint?
            var stopped = self
            process.eachThread { thread in
                if thread == excluded || problem != nil || stopped.isStopped(thread) { return }
                do throws(Complaint) {
                    if try !stopped.stop(thread) { gone = gone &* 31 &+ thread }
                } catch {
                    problem = error
                }
            }
            self = stopped
            if let problem {
                release()
                throw problem
            }
            isComplete = count == before && gone == goneBefore
            goneBefore = gone
        }
    }

    /// Stops a thread that can make system calls for us now; rather one that waits.
    mutating func stopOne() throws(Complaint) -> StoppedThread {
        let order: InlineArray<3, WaitingCall.Kind> = [.withoutLimit, .withLimit, .none]
        for turn in order.indices {
            let wanted = order[turn]
            var found: StoppedThread?
            var problem: Complaint?
            var stopped = self
            process.eachThread { thread in
                if found != nil || problem != nil { return }
                if wanted != .none && WaitingCall(process.text(thread, "/syscall")).kind != wanted { return }
                do throws(Complaint) { _ = try stopped.stop(thread) } catch {
                    problem = error
                    return
                }
                guard stopped.count == 1 else { return }
                if stopped[0].signal == 0 && (wanted == .none || stopped[0].call.kind == wanted) {
                    found = stopped[0]
                } else {
                    stopped.release()
                }
            }
            self = stopped
            if let problem { throw problem }
            if let found { return found }
        }
        throw Complaint("none of its threads could be stopped")
    }

    /// False when the thread is not there any more.
    private mutating func stop(_ thread: UInt64) throws(Complaint) -> Bool {
        let notPermitted: Int64 = -1
        let done = Tracing.seize(thread)
        if done == System.noSuchProcess { return false }
        if done == notPermitted {
            // One that has ended, and whose end nobody has seen yet, may not be traced either.
            if TargetStatus(process, thread: thread).isOver { return false }
            throw Complaint(
                "it may not be traced: another tracer is there, it is not yours, or ptrace_scope of yama forbids it")
        }
        guard done >= 0 else { throw Complaint("its thread can't be traced: error ", number: UInt64(0 &- done)) }
        var stopped = StoppedThread()
        stopped.number = thread
        stopped.call = WaitingCall(process, thread)
        Tracing.interrupt(thread)
        let patienceNanos: UInt64 = 2_000_000_000
        guard let stop = Tracing.wait(thread, nanos: patienceNanos) else {
            if TargetStatus(process, thread: thread).isOver { return false }
            throw Complaint("its thread ", number: thread, " did not stop within two seconds")
        }
        switch stop {
        case .gone: return false
        case .job:
            Tracing.detach(thread)
            throw Complaint("it is stopped by job control: let it go on first (kill -CONT)")
        case .signal(let signal): stopped.signal = signal
        case .interrupt, .systemCall: break
        }
        guard let registers = Tracing.registers(thread), UInt64(count) < Self.capacity else {
            Tracing.detach(thread, signal: stopped.signal)
            return false
        }
        stopped.registers = registers
        stopped.call.compare(registers)
        table[count] = stopped
        count += 1
        return true
    }

    /// Lets all go on.
    mutating func release() {
        for index in 0..<count {
            var thread = table[index]
            if thread.makeCallAgain(process) { _ = Tracing.setRegisters(thread.number, thread.registers) }
            Tracing.detach(thread.number, signal: thread.signal)
        }
        count = 0
    }

    /// They are let go by somebody else.
    mutating func forget() { count = 0 }
}

extension StoppedThread {
    /// When it goes on: has it make its call again that only the stop has ended; true when its registers have changed.
    mutating func makeCallAgain(_ process: ProcessFile) -> Bool {
        call.isEnded && !hasSignal(process) && call.makeAgain(&registers)
    }

    /// It gets a signal that does something, or one waits for it: its call is interrupted by that.
    private func hasSignal(_ process: ProcessFile) -> Bool {
        let text = process.text(number, "/status")
        // SIGCHLD, SIGCONT, SIGURG and SIGWINCH are ignored unless they are handled.
        let ignoredByDefault: UInt64 = 1 << 16 | 1 << 17 | 1 << 22 | 1 << 27
        let pending = (text.mask("SigPnd:") ?? 0) | (text.mask("ShdPnd:") ?? 0)
        let ignored = (text.mask("SigIgn:") ?? 0) | ignoredByDefault & ~(text.mask("SigCgt:") ?? 0)
        let own: UInt64 = signal == 0 || signal > 64 ? 0 : 1 << (signal &- 1)
        return (pending & ~(text.mask("SigBlk:") ?? 0) | own) & ~ignored != 0
    }
}
