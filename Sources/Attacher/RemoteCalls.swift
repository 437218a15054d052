import AgentShims

/// A stopped thread that makes a few system calls for us, and then goes on as if nothing had been.
///
/// Source: ptrace(2), "Syscall-stops"; the thread never runs an instruction of its own meanwhile.
struct RemoteCalls {
    private let thread: StoppedThread
    private let mask: UInt64

    init(_ thread: StoppedThread) {
        self.thread = thread
        mask = Tracing.signalMask(thread.number)
        // A handler must not run in the middle; a new thread inherits the mask.
        Tracing.setSignalMask(thread.number, ~0)
    }

    /// The result is the kernel's, negative errno on failure; nil when the thread is gone.
    ///
    /// - Parameter instruction: address of one that makes a system call, bit 0 set in Thumb code.
    func make(_ number: Int64, _ arguments: InlineArray<6, UInt64>, at instruction: UInt64) -> Int64? {
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

    private func goToSystemCall() -> Bool {
        let patienceNanos: UInt64 = 5_000_000_000
        while Tracing.goToSystemCall(thread.number) {
            guard let stop = Tracing.wait(thread.number, nanos: patienceNanos), stop != .gone else { return false }
            if stop == .systemCall { return true }
        }
        return false
    }

    /// Lets the thread go on where it was.
    func end() {
        // Out of the stop at the last call's end: there the kernel would still think of restarting one.
        Tracing.interrupt(thread.number)
        if Tracing.goToSystemCall(thread.number) { _ = Tracing.wait(thread.number, nanos: 1_000_000_000) }
        Tracing.setSignalMask(thread.number, mask)
        _ = Tracing.setRegisters(thread.number, thread.registers)
        Tracing.detach(thread.number)
    }
}
