import AgentShims

/// A stopped thread that makes a few system calls for us, and then goes on as if nothing had been.
///
/// Source: ptrace(2), "Syscall-stops"; the thread never runs an instruction of its own meanwhile.
struct RemoteCalls {
    private var thread: StoppedThread
    private let process: ProcessFile
    private let mask: UInt64
    private let vectors: SavedVectors

    init(_ thread: StoppedThread, of process: ProcessFile) {
        self.thread = thread
        self.process = process
        mask = Tracing.signalMask(thread.number)
        vectors = SavedVectors(thread.number)
        // A handler must not run in the middle; a new thread inherits the mask.
        Tracing.setSignalMask(thread.number, ~0)
    }

    /// The result is the kernel's, negative errno on failure; nil when the thread is gone, or does not come back.
    ///
    /// - Parameter instruction: address of one that makes a system call, bit 0 set in Thumb code.
    mutating func make(_ number: Int64, _ arguments: InlineArray<6, UInt64>, at instruction: UInt64) -> Int64? {
        var registers = thread.registers
        for index in 0..<6 { registers[index] = arguments[index] }
        registers[Registers.number] = UInt64(number)
        registers.go(to: instruction)
        guard Tracing.setRegisters(thread.number, registers) else { return nil }
        // Its entry, then its exit.
        for _ in 0..<2 where !goToSystemCall() { return nil }
        guard let result = Tracing.registers(thread.number)?[0] else { return nil }
        let signed = Int64(Int(truncatingIfNeeded: result))
        return signed < 0 && signed > -4096 ? signed : Int64(bitPattern: result)
    }

    private mutating func goToSystemCall() -> Bool {
        let patienceNanos: UInt64 = 5_000_000_000
        while Tracing.goToSystemCall(thread.number) {
            guard let stop = Tracing.wait(thread.number, nanos: patienceNanos), stop != .gone else { return false }
            if stop == .systemCall { return true }
            // Only those that can't be blocked.
            if case .signal(let signal) = stop { thread.signal = signal }
        }
        return false
    }

    /// Lets the thread go on where it was.
    mutating func end() {
        // Out of the stop at the last call's end: there the kernel would still think of restarting one. A thread whose
        // call has not come back yet is waited for: it must not go on with foreign registers.
        Tracing.interrupt(thread.number)
        _ = Tracing.goToSystemCall(thread.number)
        while true {
            guard let stop = Tracing.wait(thread.number, nanos: ~0 >> 1) else { continue }
            if stop == .gone { return }
            if stop == .interrupt || stop == .job { break }
            if case .signal(let signal) = stop { thread.signal = signal }
            _ = Tracing.goToSystemCall(thread.number)
        }
        Tracing.setSignalMask(thread.number, mask)
        _ = thread.makeCallAgain(process)
        vectors.restore(thread.number)
        _ = Tracing.setRegisters(thread.number, thread.registers)
        Tracing.detach(thread.number, signal: thread.signal)
    }
}

/// What a system call does not keep of a thread's registers: of SVE, all but the lower halves of the vectors.
///
/// Source: Documentation/arch/arm64/sve.rst, 3 and 6.
private struct SavedVectors {
    #if arch(arm64)
        private var memory: UInt64 = 0
        private var byteCount: UInt64 = 0
        /// `struct user_sve_header`, and what the longest vectors of the architecture take.
        private static let capacity: UInt64 = 16384

        init(_ thread: UInt64) {
            memory = System.allocate(Self.capacity)
            if memory == 0 { return }
            byteCount = Tracing.vectors(thread, memory, Self.capacity)
        }

        func restore(_ thread: UInt64) {
            if byteCount > 0 { Tracing.setVectors(thread, memory, byteCount) }
            if memory != 0 { System.unmap(memory, Self.capacity) }
        }
    #else
        init(_ thread: UInt64) {}
        func restore(_ thread: UInt64) {}
    #endif
}
