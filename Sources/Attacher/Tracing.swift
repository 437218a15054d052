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

/// The registers of a stopped thread, as the kernel hands them over: see <asm/ptrace.h>.
struct Registers {
    #if arch(arm64)
        private static let count = 34
        static let number = 8
        private static let stackIndex = 31
        private var words = InlineArray<34, UInt>(repeating: 0)
    #else
        private static let count = 18
        static let number = 7
        private static let stackIndex = 13
        private var words = InlineArray<18, UInt>(repeating: 0)
    #endif

    subscript(_ index: Int) -> UInt64 {
        get { UInt64(words[index]) }
        set { words[index] = UInt(truncatingIfNeeded: newValue) }
    }

    var stackPointer: UInt64 { self[Registers.stackIndex] }

    #if arch(arm64)
        var place: UInt64 { self[32] }

        /// Goes on at a function or an instruction.
        mutating func go(to address: UInt64) { self[32] = address }

        /// The size of the system call's instruction, which the thread has just executed.
        var systemCallByteCount: UInt64 { 4 }
    #else
        private static let thumb: UInt64 = 0x20
        var place: UInt64 { self[15] }

        mutating func go(to address: UInt64) {
            // Not within an IT block, either.
            let conditional: UInt64 = 0x0600_fc00
            self[16] = self[16] & ~(Registers.thumb | conditional) | (address & 1 != 0 ? Registers.thumb : 0)
            self[15] = address & ~1
        }

        var systemCallByteCount: UInt64 { self[16] & Registers.thumb != 0 ? 2 : 4 }
    #endif

    /// Makes the thread execute the same system call again.
    mutating func rewind(first: UInt64) {
        self[0] = first
        #if arch(arm64)
            self[32] = place &- systemCallByteCount
        #else
            self[15] = place &- systemCallByteCount
        #endif
    }

    /// Shape: `struct iovec`.
    fileprivate mutating func withVector(_ body: (Int64) -> Int64) -> Int64 {
        let byteCount = UInt(Registers.count * Word.byteCount)
        return withUnsafeMutablePointer(to: &words) { words in
            var vector = (base: UInt(bitPattern: words), byteCount: byteCount)
            return withUnsafeMutablePointer(to: &vector) { body(System.address($0)) }
        }
    }
}

enum Pause {
    static func nanos(_ nanos: Int64) {
        var word: UInt32 = 0
        withUnsafeMutablePointer(to: &word) { System.futexWait(System.word($0), expected: 0, timeoutNanos: nanos) }
    }
}

/// System calls that only the attacher makes.
enum AttacherCallNumber {
    #if arch(arm64)
        static let workingDirectory: Int64 = 17
        static let directoryEntries: Int64 = 61
        static let trace: Int64 = 117
        static let wait: Int64 = 260
        static let connect: UInt64 = 203
    #else
        static let workingDirectory: Int64 = 183
        static let directoryEntries: Int64 = 217
        static let trace: Int64 = 26
        static let wait: Int64 = 114
        static let connect: UInt64 = 283
    #endif
}
