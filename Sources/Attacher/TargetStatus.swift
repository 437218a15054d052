/// What the kernel says of a process, or a thread of it: /proc/PID/status.
struct TargetStatus {
    /// The process that it is of, where it is a thread.
    let leader: UInt64
    /// The process that traces it; 0 for none.
    let tracer: UInt64
    /// It has ended; its number may still be there.
    let isOver: Bool
    let isStopped: Bool
    /// It has other numbers for processes.
    let isElsewhere: Bool
    /// Some of its system calls are refused, or kill it.
    let isFiltered: Bool

    /// - Parameter thread: 0 for the process itself.
    init(_ process: ProcessFile, thread: UInt64 = 0) {
        let text = process.text(thread, "/status")
        let stopped: UInt8 = 84
        let zombie: UInt8 = 90
        let dead: UInt8 = 88
        let state = text.place("State:\t").map { text.byte($0) } ?? dead
        leader = text.number("Tgid:\t") ?? process.process
        tracer = text.number("TracerPid:\t") ?? 0
        isOver = state == zombie || state == dead
        isStopped = state == stopped
        isElsewhere = text.hasSecond("NSpid:\t")
        isFiltered = (text.number("Seccomp:\t") ?? 0) != 0
    }
}
