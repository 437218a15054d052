import AgentShims

/// The kernel's interface for tracers. Source: ptrace(2), wait4(2).
enum Tracing {
    private enum Request {
        static let goToSystemCall: Int64 = 24
        static let detach: Int64 = 17
        static let registers: Int64 = 0x4204
        static let setRegisters: Int64 = 0x4205
        static let seize: Int64 = 0x4206
        static let interrupt: Int64 = 0x4207
        static let signalMask: Int64 = 0x420a
        static let setSignalMask: Int64 = 0x420b
    }

    private static let generalRegisters: Int64 = 1
    /// Stops at system calls are told from others.
    private static let marksSystemCalls: Int64 = 1

    private static func call(_ request: Int64, _ thread: UInt64, _ address: Int64 = 0, _ data: Int64 = 0) -> Int64 {
        System.call(AttacherCallNumber.trace, request, Int64(thread), address, data)
    }

    static func seize(_ thread: UInt64) -> Int64 { call(Request.seize, thread, 0, marksSystemCalls) }
    static func interrupt(_ thread: UInt64) { _ = call(Request.interrupt, thread) }
    static func goToSystemCall(_ thread: UInt64) -> Bool { call(Request.goToSystemCall, thread) >= 0 }

    /// - Parameter signal: one that it is to get; 0 for none.
    static func detach(_ thread: UInt64, signal: UInt64 = 0) { _ = call(Request.detach, thread, 0, Int64(signal)) }

    static func registers(_ thread: UInt64) -> Registers? {
        var registers = Registers()
        let done = registers.withVector { call(Request.registers, thread, generalRegisters, $0) }
        return done < 0 ? nil : registers
    }

    static func setRegisters(_ thread: UInt64, _ registers: Registers) -> Bool {
        var registers = registers
        return registers.withVector { call(Request.setRegisters, thread, generalRegisters, $0) } >= 0
    }

    #if arch(arm64)
        private static let vectorRegisters: Int64 = 0x405

        /// Stores the thread's SVE registers; returns how many bytes they take, 0 where there are none.
        static func vectors(_ thread: UInt64, _ memory: UInt64, _ byteCount: UInt64) -> UInt64 {
            var vector = (base: memory, byteCount: byteCount)
            let done = withUnsafeMutablePointer(to: &vector) {
                call(Request.registers, thread, vectorRegisters, System.address($0))
            }
            return done < 0 ? 0 : vector.byteCount
        }

        static func setVectors(_ thread: UInt64, _ memory: UInt64, _ byteCount: UInt64) {
            var vector = (base: memory, byteCount: byteCount)
            _ = withUnsafeMutablePointer(to: &vector) {
                call(Request.setRegisters, thread, vectorRegisters, System.address($0))
            }
        }
    #endif

    static func signalMask(_ thread: UInt64) -> UInt64 {
        var mask: UInt64 = 0
        _ = withUnsafeMutablePointer(to: &mask) { call(Request.signalMask, thread, 8, System.address($0)) }
        return mask
    }

    static func setSignalMask(_ thread: UInt64, _ mask: UInt64) {
        var mask = mask
        _ = withUnsafeMutablePointer(to: &mask) { call(Request.setSignalMask, thread, 8, System.address($0)) }
    }

    enum Stop: Equatable {
        /// Stopped because it was asked to.
        case interrupt
        /// The whole process is stopped by job control.
        case job
        case systemCall
        /// About to get this signal.
        case signal(UInt64)
        /// It has ended, or is not ours.
        case gone
    }

    /// What a thread reports; nil when it has nothing to report yet.
    static func take(_ thread: UInt64) -> Stop? {
        let anyThreadWithoutWaiting: Int64 = 0x4000_0000 | 1
        var status: UInt32 = 0
        let found = withUnsafeMutablePointer(to: &status) {
            System.call(
                AttacherCallNumber.wait, Int64(thread), System.address($0), anyThreadWithoutWaiting, 0)
        }
        if found == 0 || found == System.interrupted { return nil }
        let stopped: UInt32 = 0x7f
        let stopEvent: UInt32 = 128
        let trap: UInt64 = 5
        let systemCallTrap: UInt64 = 0x85
        guard found > 0, status & 0xff == stopped else { return .gone }
        let signal = UInt64(status >> 8 & 0xff)
        if status >> 16 == stopEvent { return signal == trap ? .interrupt : .job }
        return signal == systemCallTrap ? .systemCall : .signal(signal)
    }

    /// The same, waiting so long at most.
    static func wait(_ thread: UInt64, nanos: UInt64) -> Stop? {
        let end = System.monotonicNanos() &+ nanos
        while true {
            if let stop = take(thread) { return stop }
            if System.monotonicNanos() >= end { return nil }
            Pause.nanos(50_000)
        }
    }
}
