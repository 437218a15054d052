import AgentShims

/// A system call that a thread waited in before it was stopped. The kernel ends some with EINTR when a tracer stops the
/// thread, although no signal came: epoll_wait and others; they are made again.
///
/// Source: signal(7), "Interruption of system calls and library functions by stop signals"; proc(5), syscall.
struct WaitingCall {
    /// Number, six arguments, stack pointer, place; none when the thread ran.
    private var values = InlineArray<9, UInt64>(repeating: 0)
    private var isKnown = false

    init(_ text: ProcessText) {
        // The number is decimal, all others are hexadecimal; "running", or -1, when it is in none.
        var at = 0
        while text.byte(at) >= 48 && text.byte(at) <= 57 {
            values[0] = values[0] &* 10 &+ UInt64(text.byte(at) & 15)
            at += 1
        }
        if at == 0 { return }
        for index in 1..<9 {
            if text.byte(at) != 32 { return }
            at += 1
            values[index] = text.hexadecimal(&at)
        }
        isKnown = true
    }

    /// True when the thread has been made to execute it again.
    func makeAgain(_ registers: inout Registers) -> Bool {
        #if arch(arm64)
            let close: UInt64 = 57
        #else
            let close: UInt64 = 6
        #endif
        let interrupted = UInt64(UInt(bitPattern: -4))
        guard isKnown, registers[0] == interrupted, registers.stackPointer == values[7], registers.place == values[8],
            registers[Registers.number] == values[0], values[0] != close, values[0] != AttacherCallNumber.connect
        else { return false }
        for index in 1..<4 where registers[index] != values[index + 1] { return false }
        registers.rewind(first: values[1])
        return true
    }
}
