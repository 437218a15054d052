import CSupport
import Glibc

/// What traced threads report to this process.
///
/// The end of our own child may be among it, and is told only once: it is kept for who waits for the child.
/// To be used by the thread that stops others.
enum ThreadReports {
    nonisolated(unsafe) private static var ends: [pid_t: Int32] = [:]

    enum Report: Equatable {
        case nothingYet
        /// It ended, or is not ours.
        case gone
        case stopped(Int32)
    }

    static func take(_ thread: pid_t) -> Report {
        var status: Int32 = 0
        let found = unsafe nopal_wait_thread(thread, &status)
        if found == 0 { return .nothingYet }
        guard found == 1 else { return .gone }
        guard nopal_stop_kind(status) == Int32(nopal_stop_gone) else { return .stopped(status) }
        unsafe ends[thread] = status
        return .gone
    }

    /// The end of a child that was told to `take`.
    static func end(of child: pid_t) -> Int32? { unsafe ends.removeValue(forKey: child) }
}
