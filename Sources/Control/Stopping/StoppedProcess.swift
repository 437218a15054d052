import CSupport
import Glibc

/// All threads of a process, stopped, until `resume`.
///
/// Source: ptrace(2), PTRACE_SEIZE, PTRACE_INTERRUPT, "PTRACE_EVENT stops". To be used from one thread.
package final class StoppedProcess {
    let process: pid_t
    private(set) var threads: [StoppedThread] = []
    /// Processes that were being made: they share or copy the memory, and wait as well.
    private var newborns: [pid_t] = []
    private var known: Set<pid_t> = []
    private var pending: [pid_t] = []
    private var signals: [pid_t: Int32] = [:]
    private var stopped: [pid_t] = []
    private var isResumed = false
    private let rewinds: RewoundCalls
    /// The first thread, and those that have children.
    private var addressees: Set<pid_t> = []
    let beganNanos: UInt64
    private static let patienceNanos: UInt64 = 1_000_000_000

    /// Stops every thread, those that are made meanwhile too.
    ///
    /// - Parameter rewinds: what is known of system calls that were rewound before.
    ///
    /// Throws: when one of them may not be traced or does not stop; all of them go on then.
    init(process: pid_t, rewinds: RewoundCalls) throws(LiveError) {
        self.process = process
        self.rewinds = rewinds
        beganNanos = nopal_clock_nanos(CLOCK_MONOTONIC)
        do throws(LiveError) {
            // Threads that signals are sent to stop last and go on first. While such a thread is traced, an ignored
            // SIGCHLD for it is sent all the same, to any that is not stopped, and ends the call that it waits in.
            addressees = ThreadStatus.addressees(process)
            _ = try seizeNewTasks { !addressees.contains($0) }
            try awaitStops()
            var foundNew = true
            while foundNew {
                foundNew = try seizeNewTasks { _ in true }
                try awaitStops()
            }
            if stopped.isEmpty { throw .ended(process) }
            readRegisters()
        } catch {
            readRegisters()
            resume()
            throw error
        }
    }

    deinit { if !isResumed { resume() } }

    private func seizeNewTasks(where isWanted: (pid_t) -> Bool) throws(LiveError) -> Bool {
        var foundNew = false
        for thread in ThreadStatus.tasks(process) where !known.contains(thread) && isWanted(thread) {
            let done = nopal_ptrace_seize(thread)
            if done < 0 {
                if done == -ESRCH || ThreadStatus.isDead(process, thread) {
                    // Before its end it may have made another, which nobody would look for.
                    if known.insert(thread).inserted { foundNew = true }
                    continue
                }
                throw LiveError.access(process, errno: -done)
            }
            known.insert(thread)
            pending.append(thread)
            foundNew = true
        }
        for thread in pending { _ = nopal_ptrace_interrupt(thread) }
        return foundNew
    }

    private func awaitStops() throws(LiveError) {
        var turns = 0
        while !pending.isEmpty {
            var isQuiet = true
            for thread in pending where takeReport(thread) { isQuiet = false }
            if !isQuiet { continue }
            turns += 1
            if nopal_clock_nanos(CLOCK_MONOTONIC) > beganNanos + Self.patienceNanos {
                throw .wouldNotStop(process, thread: pending[0])
            }
            if turns < 20 { sched_yield() } else { usleep(50) }
        }
    }

    /// Takes what a thread reports; false when there is nothing yet.
    private func takeReport(_ thread: pid_t) -> Bool {
        let report = ThreadReports.take(thread)
        if report == .nothingYet { return false }
        pending.removeAll { $0 == thread }
        guard case .stopped(let status) = report else { return true }
        switch nopal_stop_kind(status) {
        case Int32(nopal_stop_clone): noteNewTask(of: thread)
        case Int32(nopal_stop_signal): signals[thread] = nopal_stop_signal_number(status)
        default: break
        }
        if newborns.contains(thread) { return true }
        stopped.append(thread)
        return true
    }

    /// A thread of this process, or a process of its own; the kernel has seized it for us.
    private func noteNewTask(of thread: pid_t) {
        guard let made = pid_t(exactly: nopal_ptrace_new_task(thread)), made > 0, known.insert(made).inserted else {
            return
        }
        if !ThreadStatus.tasks(process).contains(made) { newborns.append(made) }
        pending.append(made)
    }

    private func readRegisters() {
        for thread in stopped where !threads.contains(where: { $0.thread == thread }) {
            var registers = user_regs_struct()
            // Killed meanwhile: it never runs again.
            guard unsafe nopal_ptrace_registers(thread, &registers) == 0 else { continue }
            threads.append(StoppedThread(thread: thread, registers: registers, signal: signals[thread] ?? 0))
        }
    }

    /// Changes where a thread goes on.
    func move(_ index: Int, to address: UInt64) { threads[index].move(to: address) }

    /// Lets everything go on, as it was or where it was moved to; returns how long it stood, nanoseconds.
    @discardableResult
    func resume() -> UInt64 {
        for index in threads.indices {
            rewinds.rewind(&threads[index], of: process)
            if threads[index].isMoved {
                _ = unsafe nopal_ptrace_set_registers(threads[index].thread, &threads[index].registers)
            }
        }
        release()
        return nopal_clock_nanos(CLOCK_MONOTONIC) &- beganNanos
    }

    private func release() {
        isResumed = true
        let order = stopped.filter(addressees.contains) + newborns + stopped.filter { !addressees.contains($0) }
        for thread in order where nopal_ptrace_detach(thread, signals[thread] ?? 0) < 0 {
            // Killed while it stood: its end is told to us, and the process's only after that.
            Latecomers.add(thread)
        }
        // What did not stop can only be let go when it does; it is let go by this side's end, or here.
        for thread in pending where !newborns.contains(thread) { letGoLate(thread) }
    }

    private func letGoLate(_ thread: pid_t) {
        let end = nopal_clock_nanos(CLOCK_MONOTONIC) + 100_000_000
        while nopal_clock_nanos(CLOCK_MONOTONIC) < end {
            if Latecomers.letGo(thread) { return }
            usleep(200)
        }
        Latecomers.add(thread)
    }
}
