import AgentShims

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
        mutating func go(to address: UInt64) {
            // Not as the target of an indirect branch, which would have to be a landing pad.
            let branchType: UInt64 = 3 << 10
            self[33] = self[33] & ~branchType
            self[32] = address
        }

        /// The size of the system call's instruction, which the thread has just executed.
        var systemCallByteCount: UInt64 { 4 }
    #else
        private static let thumb: UInt64 = 0x20
        var place: UInt64 { self[15] }
        /// The first argument of the system call that the thread is in.
        var firstArgument: UInt64 { self[17] }

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
    mutating func withVector(_ body: (Int64) -> Int64) -> Int64 {
        let byteCount = UInt(Registers.count * Word.byteCount)
        return withUnsafeMutablePointer(to: &words) { words in
            var vector = (base: UInt(bitPattern: words), byteCount: byteCount)
            return withUnsafeMutablePointer(to: &vector) { body(System.address($0)) }
        }
    }
}
