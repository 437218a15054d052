import CSupport
import Glibc

/// A thread that this process has stopped.
struct StoppedThread {
    let thread: pid_t
    var registers: user_regs_struct
    /// A signal that it was about to get: it gets it when it goes on.
    var signal: Int32
    /// The registers were changed and have to be written back.
    var isMoved = false

    var instructionPointer: UInt64 { UInt64(registers.rip) }
    var stackPointer: UInt64 { UInt64(registers.rsp) }
    /// The thread pointer: thread-local storage lies below it.
    var threadPointer: UInt64 { UInt64(registers.fs_base) }

    mutating func move(to address: UInt64) {
        registers.rip = numericCast(address)
        // Whatever system call it was in is not to be restarted from there.
        registers.orig_rax = .max
        isMoved = true
    }
}
