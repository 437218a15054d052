import CSupport
import Glibc

/// A thread of another process that makes a few system calls for us, and then goes on as if
/// nothing had been: a restartable call that the stop interrupted is restarted.
///
/// Source: ptrace(2), "Syscall-stops"; the thread never runs an instruction of its own meanwhile.
final class RemoteThread {
    let process: pid_t
    let thread: pid_t
    private var saved: StoppedThread
    private var savedMask: UInt64 = 0
    private var isOver = false
    /// For tests: what a call of this number is to fail with.
    var faults: [Int64: Int64] = [:]
    let beganNanos: UInt64

    /// Stops the first thread of the process that is not busy with a signal or a child.
    init(process: pid_t) throws(LiveError) {
        self.process = process
        beganNanos = nopal_clock_nanos(CLOCK_MONOTONIC)
        var failure = LiveError.ended(process)
        for candidate in ThreadStatus.tasks(process) {
            let done = nopal_ptrace_seize(candidate)
            if done < 0 {
                if done != -ESRCH && !ThreadStatus.isDead(process, candidate) {
                    failure = LiveError.access(process, errno: -done)
                }
                continue
            }
            _ = nopal_ptrace_interrupt(candidate)
            if let stopped = Self.stopped(candidate) {
                thread = candidate
                saved = stopped
                _ = unsafe nopal_ptrace_signal_mask(candidate, &savedMask)
                // A handler must not run in the middle; the new thread inherits the mask.
                _ = nopal_ptrace_set_signal_mask(candidate, .max)
                return
            }
            failure = .wouldNotStop(process, thread: candidate)
        }
        throw failure
    }

    deinit { if !isOver { end() } }

    /// Waits for the stop that was asked for; nil, and the thread goes on, when it stops for something else.
    private static func stopped(_ thread: pid_t) -> StoppedThread? {
        guard let status = report(of: thread, patienceNanos: 200_000_000) else {
            Latecomers.add(thread)
            return nil
        }
        let kind = nopal_stop_kind(status)
        if kind == Int32(nopal_stop_gone) { return nil }
        var registers = user_regs_struct()
        let isPlain = kind == Int32(nopal_stop_interrupt) && nopal_stop_signal_number(status) == SIGTRAP
        guard isPlain, unsafe nopal_ptrace_registers(thread, &registers) == 0 else {
            Latecomers.release(thread, signal: kind == Int32(nopal_stop_signal) ? nopal_stop_signal_number(status) : 0)
            return nil
        }
        return StoppedThread(thread: thread, registers: registers, signal: 0)
    }

    private static func report(of thread: pid_t, patienceNanos: UInt64) -> Int32? {
        let end = nopal_clock_nanos(CLOCK_MONOTONIC) + patienceNanos
        while nopal_clock_nanos(CLOCK_MONOTONIC) < end {
            switch ThreadReports.take(thread) {
            case .stopped(let status): return status
            case .gone: return 0
            case .nothingYet: usleep(20)
            }
        }
        return nil
    }

    /// Makes one system call; the result is the kernel's, negative errno on failure.
    ///
    /// - Parameter instruction: address of a `syscall` instruction in the process.
    func systemCall(_ number: Int64, _ arguments: [UInt64], at instruction: UInt64) throws(LiveError) -> Int64 {
        if let fault = faults[number] { return -fault }
        var registers = saved.registers
        let given = arguments + Array(repeating: 0, count: 6 - arguments.count)
        registers.rax = numericCast(UInt64(bitPattern: number))
        registers.orig_rax = .max
        registers.rip = numericCast(instruction)
        registers.rdi = numericCast(given[0])
        registers.rsi = numericCast(given[1])
        registers.rdx = numericCast(given[2])
        registers.r10 = numericCast(given[3])
        registers.r8 = numericCast(given[4])
        registers.r9 = numericCast(given[5])
        guard unsafe nopal_ptrace_set_registers(thread, &registers) == 0 else { throw .ended(process) }
        // Its entry, then its exit.
        for _ in 0..<2 { try toSystemCall() }
        guard unsafe nopal_ptrace_registers(thread, &registers) == 0 else { throw .ended(process) }
        return Int64(bitPattern: UInt64(registers.rax))
    }

    private func toSystemCall() throws(LiveError) {
        while true {
            guard nopal_ptrace_to_system_call(thread) == 0,
                let status = Self.report(of: thread, patienceNanos: 5_000_000_000)
            else { throw .ended(process) }
            let kind = nopal_stop_kind(status)
            if kind == Int32(nopal_stop_gone) {
                isOver = true
                throw .ended(process)
            }
            if kind == Int32(nopal_stop_system_call) { return }
            // The stop at a clone; what it made is let go when it reports.
            if kind == Int32(nopal_stop_clone), let made = pid_t(exactly: nopal_ptrace_new_task(thread)), made > 0 {
                if let found = Self.report(of: made, patienceNanos: 1_000_000_000), nopal_stop_kind(found) != 0 {
                    _ = nopal_ptrace_detach(made, 0)
                } else {
                    Latecomers.add(made)
                }
            }
        }
    }

    /// Lets the thread go on where it was; returns how long it stood, nanoseconds.
    @discardableResult
    func end(_ rewinds: RewoundCalls = RewoundCalls()) -> UInt64 {
        isOver = true
        // An interrupted call is restarted only from a stop like the first one, not from a syscall's.
        _ = nopal_ptrace_interrupt(thread)
        if nopal_ptrace_to_system_call(thread) == 0 { _ = Self.report(of: thread, patienceNanos: 1_000_000_000) }
        _ = nopal_ptrace_set_signal_mask(thread, savedMask)
        rewinds.rewind(&saved, of: process)
        _ = unsafe nopal_ptrace_set_registers(thread, &saved.registers)
        if nopal_ptrace_detach(thread, 0) < 0 { Latecomers.add(thread) }
        return nopal_clock_nanos(CLOCK_MONOTONIC) &- beganNanos
    }

    /// The thread pointer of the borrowed thread.
    var threadPointer: UInt64 { saved.threadPointer }
}
