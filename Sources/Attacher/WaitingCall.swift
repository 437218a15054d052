import AgentShims

/// A system call that a thread waits in when it is stopped. The kernel ends some with EINTR when a tracer stops the
/// thread, although no signal came: epoll_wait and others; they are made again.
///
/// Source: signal(7), "Interruption of system calls and library functions by stop signals"; proc(5), syscall.
struct WaitingCall {
    /// Number, six arguments, stack pointer, place; none when the thread ran.
    private var values = InlineArray<9, UInt64>(repeating: 0)
    private(set) var kind = Kind.none
    /// The stop has ended it.
    private(set) var isEnded = false

    /// Whether the time of a call begins anew when it is made again.
    enum Kind: Equatable {
        case none
        case withoutLimit
        case withLimit
    }

    #if arch(arm64)
        private static let sleeps: InlineArray<2, UInt64> = [101, 115]
        private static let futexes: InlineArray<2, UInt64> = [98, 449]
    #else
        private static let sleeps: InlineArray<4, UInt64> = [162, 168, 265, 407]
        private static let futexes: InlineArray<2, UInt64> = [240, 422]
    #endif

    init() {}

    /// Of a thread that runs on. One that is just on its way is looked at again where the registers will not tell, but
    /// not for ever: others stand still meanwhile.
    init(_ process: ProcessFile, _ thread: UInt64) {
        #if arch(arm64)
            let turns = 4
        #else
            let turns = 1
        #endif
        for _ in 0..<turns {
            self = WaitingCall(process.text(thread, "/syscall"))
            if kind != .none { return }
        }
    }

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
        kind = hasLimit ? .withLimit : .withoutLimit
    }

    private var hasLimit: Bool {
        for index in Self.sleeps.indices where Self.sleeps[index] == values[0] { return true }
        for index in Self.futexes.indices where Self.futexes[index] == values[0] { return values[4] != 0 }
        return false
    }

    /// Whether the thread, which is stopped now, is still in that call.
    mutating func compare(_ registers: Registers) {
        let interrupted = UInt64(UInt(bitPattern: -4))
        #if arch(arm)
            // The kernel keeps the first argument beside the registers, and all ones outside of a call.
            let none = UInt64(UInt.max)
            if registers[0] == interrupted && registers.firstArgument != none {
                values[0] = registers[Registers.number]
                values[1] = registers.firstArgument
                isEnded = true
                return
            }
        #endif
        let size = registers.systemCallByteCount
        var isSame =
            kind != .none && registers.stackPointer == values[7] && registers[Registers.number] == values[0]
            && (registers.place == values[8] || registers.place == values[8] &- size)
        for index in 1..<4 where registers[index] != values[index + 1] { isSame = false }
        if !isSame { kind = .none }
        isEnded = isSame && registers[0] == interrupted && registers.place == values[8]
    }

    /// True when the thread has been made to execute again what the stop has ended.
    func makeAgain(_ registers: inout Registers) -> Bool {
        // Neither is to be done twice.
        guard isEnded, values[0] != UInt64(CallNumber.close), values[0] != UInt64(CallNumber.connect) else {
            return false
        }
        registers.rewind(first: values[1])
        return true
    }
}
