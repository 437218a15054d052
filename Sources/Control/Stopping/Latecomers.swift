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

    /// False while it has not stopped yet.
    static func letGo(_ thread: pid_t) -> Bool {
        switch ThreadReports.take(thread) {
        case .nothingYet: return false
        case .gone: return true
        case .stopped(let status):
            let isSignal = nopal_stop_kind(status) == Int32(nopal_stop_signal)
            _ = nopal_ptrace_detach(thread, isSignal ? nopal_stop_signal_number(status) : 0)
            return true
        }
    }
}
