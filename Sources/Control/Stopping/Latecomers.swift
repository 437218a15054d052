import CSupport
import Glibc

/// Threads that were asked to stop, and did not in time: they are let go as soon as they have.
enum Latecomers {
    nonisolated(unsafe) private static var threads: [pid_t] = []

    static func add(_ thread: pid_t) { unsafe threads.append(thread) }

    /// To be called now and then by the thread that stops others.
    static func letGo() {
        guard unsafe !threads.isEmpty else { return }
        unsafe threads.removeAll { letGo($0) }
    }

    /// Lets a stopped thread go on; a call that the stop has ended runs again.
    static func release(_ thread: pid_t, signal: Int32) {
        var registers = user_regs_struct()
        if unsafe nopal_ptrace_registers(thread, &registers) == 0 {
            var stopped = StoppedThread(thread: thread, registers: registers, signal: signal)
            RewoundCalls().rewind(&stopped, of: thread)
            if stopped.isMoved { _ = unsafe nopal_ptrace_set_registers(thread, &stopped.registers) }
        }
        _ = nopal_ptrace_detach(thread, signal)
    }

    /// False while it has not stopped yet.
    static func letGo(_ thread: pid_t) -> Bool {
        switch ThreadReports.take(thread) {
        case .nothingYet: return false
        case .gone: return true
        case .stopped(let status):
            let isSignal = nopal_stop_kind(status) == Int32(nopal_stop_signal)
            release(thread, signal: isSignal ? nopal_stop_signal_number(status) : 0)
            return true
        }
    }
}
