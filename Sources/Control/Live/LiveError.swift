import Glibc

/// What can go wrong while a running program is controlled; each says what, where, and what helps.
public enum LiveError: Error, Equatable, Sendable, CustomStringConvertible {
    case noSuchProcess(Int32)
    /// The kernel does not let this user trace it.
    case notPermitted(Int32)
    case tracedByAnother(Int32, tracer: Int32)
    /// A program that the agent can't be loaded into; the reason ends the sentence.
    case cannotLoad(Int32, reason: String)
    /// Nothing of it was built with room for tracing.
    case nothingToTrace(Int32, path: String)
    /// A thread that does not stop, e.g. while it waits for a child made by vfork.
    case wouldNotStop(Int32, thread: Int32)
    /// Loading the agent failed half way; the program goes on as it was.
    case startFailed(Int32, what: String)
    /// The agent would not run a plan.
    case planFailed(Int32, what: String)
    /// It was the traced program that ended.
    case ended(Int32)
    case alreadyTraced(Int32)
    case notTraced(Int32)

    static func access(_ process: pid_t, errno code: Int32) -> LiveError {
        switch code {
        case ENOENT, ESRCH: return .noSuchProcess(process)
        default:
            let tracer = ThreadStatus.fields("/proc/\(process)/status")["TracerPid"].flatMap { Int32($0) } ?? 0
            return tracer != 0 ? .tracedByAnother(process, tracer: tracer) : .notPermitted(process)
        }
    }

    public var description: String {
        switch self {
        case .noSuchProcess(let process): "there is no process \(process)"
        case .notPermitted(let process):
            "the kernel does not let this user trace process \(process): it belongs to another user, or "
                + "kernel.yama.ptrace_scope forbids it. Use the same user and 'sysctl kernel.yama.ptrace_scope=0', "
                + "or root, or start the program with 'nopal record'"
        case .tracedByAnother(let process, let tracer):
            "process \(process) is being traced by process \(tracer) (a debugger?); end that first"
        case .cannotLoad(let process, let reason): "process \(process) can't be traced: \(reason)"
        case .nothingToTrace(let process, let path):
            "process \(process) has nothing to trace: neither \(path) nor its libraries were compiled with room at "
                + "their entries. Rebuild with the flags that `nopal cflags` prints, e.g. make CFLAGS=\"-O2 $(nopal cflags)\""
        case .wouldNotStop(let process, let thread):
            "thread \(thread) of process \(process) did not stop within a second (it may wait for a child that it "
                + "made by vfork); nothing was changed. Try again"
        case .startFailed(let process, let what):
            "the agent can't be started in process \(process): \(what). The program goes on as it was"
        case .planFailed(let process, let what): "process \(process) was not changed: \(what)"
        case .ended(let process): "process \(process) has ended"
        case .alreadyTraced(let process):
            "process \(process) belongs to a session of nopal already: use nopal enable, disable, status or detach"
        case .notTraced(let process):
            "process \(process) belongs to no session of nopal of this user: use 'nopal attach \(process)' first"
        }
    }
}
