import CSupport
import Glibc

/// System calls that a stop has interrupted, and that the kernel does not restart by itself:
/// epoll_wait, semop, sigtimedwait, io_getevents, and whatever waits on a socket with a time limit.
/// They would return EINTR although no signal came; so they are made to run again.
///
/// Source: signal(7), "Interruption of system calls and library functions by stop signals".
package final class RewoundCalls {
    package init() {}

    /// A call that was rewound before and is still the same one.
    private struct Call: Equatable {
        var number: UInt64
        var stackPointer: UInt64
        var arguments: [UInt64]
        /// The time limit that it was first made with, milliseconds.
        var limit: Int32
    }

    private var known: [pid_t: (call: Call, firstNanos: UInt64)] = [:]

    private enum Number {
        static let close: UInt64 = 3
        static let connect: UInt64 = 42
        static let epollWait: UInt64 = 232
        static let epollPwait: UInt64 = 281
    }

    /// Whether a stop has ended the call that a thread was in.
    static func isInterrupted(_ thread: StoppedThread) -> Bool {
        Int64(bitPattern: UInt64(thread.registers.rax)) == Int64(-EINTR)
            && Int64(bitPattern: UInt64(thread.registers.orig_rax)) >= 0
    }

    /// Makes the thread run its system call again, if the stop has ended it early.
    func rewind(_ thread: inout StoppedThread, of process: pid_t) {
        let registers = thread.registers
        guard Self.isInterrupted(thread), !thread.isMoved else { return forget(thread) }
        let number = UInt64(registers.orig_rax)
        // Neither is to be done twice.
        guard number != Number.close, number != Number.connect, !hasSignal(thread, of: process) else {
            return forget(thread)
        }
        shortenLimit(&thread, number)
        let systemCallByteCount: UInt64 = 2
        thread.registers.rip = numericCast(UInt64(registers.rip) &- systemCallByteCount)
        thread.registers.rax = registers.orig_rax
        thread.registers.orig_rax = .max
        thread.isMoved = true
    }

    private func forget(_ thread: StoppedThread) {
        // Kept while it waits in a call: the kernel restarts that itself, with what is left of its time.
        if Int64(bitPattern: UInt64(thread.registers.orig_rax)) < 0 { known[thread.thread] = nil }
    }

    /// A signal is about to be delivered to it that does something: then the call was interrupted by that.
    ///
    /// What is ignored, by default or by choice, interrupts nobody; but a thread that is being
    /// traced gets it all the same, to show it to its tracer.
    private func hasSignal(_ thread: StoppedThread, of process: pid_t) -> Bool {
        let status = ThreadStatus.fields("/proc/\(process)/task/\(thread.thread)/status")
        let pending = ThreadStatus.mask(status, "SigPnd") | ThreadStatus.mask(status, "ShdPnd")
        let stopped: UInt64 = thread.signal == 0 ? 0 : 1 << UInt64(thread.signal - 1)
        let isHandled = ThreadStatus.mask(status, "SigCgt")
        let ignored = ThreadStatus.mask(status, "SigIgn") | Self.ignoredByDefault & ~isHandled
        return (pending & ~ThreadStatus.mask(status, "SigBlk") | stopped) & ~ignored != 0
    }

    /// SIGCHLD, SIGCONT, SIGURG, SIGWINCH.
    private static let ignoredByDefault: UInt64 = 1 << 16 | 1 << 17 | 1 << 22 | 1 << 27

    /// Stops that come faster than a time limit must not keep it from ever passing.
    private func shortenLimit(_ thread: inout StoppedThread, _ number: UInt64) {
        guard number == Number.epollWait || number == Number.epollPwait else { return }
        let registers = thread.registers
        let now = nopal_clock_nanos(CLOCK_MONOTONIC)
        var call = Call(
            number: number, stackPointer: UInt64(registers.rsp),
            arguments: [UInt64(registers.rdi), UInt64(registers.rsi), UInt64(registers.rdx)],
            limit: Int32(truncatingIfNeeded: Int64(bitPattern: UInt64(registers.r10))))
        guard call.limit > 0 else { return }
        if let before = known[thread.thread] {
            let present = call.limit
            call.limit = before.call.limit
            let elapsed = Int64((now &- before.firstNanos) / 1_000_000)
            let left = max(0, Int64(before.call.limit) - elapsed)
            if call == before.call && Int64(present) <= Int64(before.call.limit) {
                thread.registers.r10 = numericCast(UInt64(left))
                return
            }
            call.limit = present
        }
        known[thread.thread] = (call, now)
    }
}
