import AgentShims

/// A thread of the process that is stopped.
struct StoppedThread {
    var number: UInt64 = 0
    var registers = Registers()
    /// A signal that it was about to get: it gets it when it goes on.
    var signal: UInt64 = 0
}

/// Stops threads of the process and lets them go on, as if nothing had been.
struct StoppedThreads {
    private static let capacity: UInt64 = 65536
    private let process: ProcessFile
    private let table: UnsafeMutablePointer<StoppedThread>
    private(set) var count = 0

    init(_ process: ProcessFile) throws(Complaint) {
        let at = System.allocate(Self.capacity &* UInt64(MemoryLayout<StoppedThread>.stride))
        guard let table = UnsafeMutablePointer<StoppedThread>(bitPattern: UInt(truncatingIfNeeded: at)) else {
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
        while true {
            let before = count
            var problem: Complaint?
            var stopped = self
            process.eachThread { thread in
                if thread == excluded || problem != nil || stopped.isStopped(thread) { return }
                do throws(Complaint) { try stopped.stop(thread) } catch { problem = error }
            }
            self = stopped
            if let problem {
                release()
                throw problem
            }
            if count == before { return }
        }
    }

    /// Stops the first thread that can make system calls for us now.
    mutating func stopOne() throws(Complaint) -> StoppedThread {
        var found: StoppedThread?
        var problem = Complaint("none of its threads could be stopped")
        var stopped = self
        process.eachThread { thread in
            if found != nil { return }
            do throws(Complaint) { try stopped.stop(thread) } catch {
                problem = error
                return
            }
            guard stopped.count == 1 else { return }
            if stopped[0].signal == 0 { found = stopped[0] } else { stopped.release() }
        }
        self = stopped
        guard let found else { throw problem }
        return found
    }

    private mutating func stop(_ thread: UInt64) throws(Complaint) {
        let noSuchProcess = System.noSuchProcess
        let notPermitted: Int64 = -1
        let waiting = WaitingCall(process.text(thread, "/syscall"))
        let done = Tracing.seize(thread)
        if done == noSuchProcess { return }
        if done == notPermitted {
            // One that has ended, and whose end nobody has seen yet, may not be traced either.
            if isDead(thread) { return }
            throw Complaint(
                "it may not be traced: another tracer is there, it is not yours, or /proc/sys/kernel/yama/ptrace_scope forbids it"
            )
        }
        guard done >= 0 else { throw Complaint("its thread can't be traced: error ", number: UInt64(0 &- done)) }
        Tracing.interrupt(thread)
        let patienceNanos: UInt64 = 2_000_000_000
        guard let stop = Tracing.wait(thread, nanos: patienceNanos) else {
            if isDead(thread) { return }
            throw Complaint("its thread ", number: thread, " did not stop within two seconds")
        }
        var stopped = StoppedThread()
        stopped.number = thread
        switch stop {
        case .gone: return
        case .job:
            Tracing.detach(thread)
            throw Complaint("it is stopped by job control: let it go on first (kill -CONT)")
        case .signal(let signal): stopped.signal = signal
        case .interrupt, .systemCall: break
        }
        guard let registers = Tracing.registers(thread), UInt64(count) < Self.capacity else {
            Tracing.detach(thread, signal: stopped.signal)
            return
        }
        stopped.registers = registers
        if stopped.signal == 0 && !hasSignal(thread) && waiting.makeAgain(&stopped.registers) {
            _ = Tracing.setRegisters(thread, stopped.registers)
        }
        table[count] = stopped
        count += 1
    }

    private func isDead(_ thread: UInt64) -> Bool { TargetStatus(process, thread: thread).isOver }

    /// A signal waits for the thread that does something: its call was interrupted by that.
    private func hasSignal(_ thread: UInt64) -> Bool {
        let text = process.text(thread, "/status")
        // SIGCHLD, SIGCONT, SIGURG and SIGWINCH are ignored unless they are handled.
        let ignoredByDefault: UInt64 = 1 << 16 | 1 << 17 | 1 << 22 | 1 << 27
        let pending = (text.mask("SigPnd:") ?? 0) | (text.mask("ShdPnd:") ?? 0)
        let ignored = (text.mask("SigIgn:") ?? 0) | ignoredByDefault & ~(text.mask("SigCgt:") ?? 0)
        return pending & ~(text.mask("SigBlk:") ?? 0) & ~ignored != 0
    }

    /// Lets all go on.
    mutating func release() {
        for index in 0..<count { Tracing.detach(table[index].number, signal: table[index].signal) }
        count = 0
    }

    /// They are gone, or let go by somebody else.
    mutating func forget() { count = 0 }
}
