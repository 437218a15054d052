/// Where an unwinder finds the caller of a stub of 32-bit Arm that stands at some instruction: one code a byte of the
/// stub's code.
///
/// The arena's unwind table: two entries of .ARM.exidx (stubs; behind them nothing), an entry of .ARM.extab (a branch to
/// the personality, one word of padding), then two runs of stubs: start, end, stride, address of the run's codes, u32
/// each.
public enum ArmFrameCode {
    /// The return address is in lr, the stack pointer is the caller's.
    public static let link: UInt32 = 0
    /// r0...r3, ip and lr lie on the stack.
    public static let saved: UInt32 = 1
    /// r4 is the shadow entry: it has the return address, and the caller's r4.
    public static let entry: UInt32 = 2
    /// The same, and r0...r3 lie on the stack.
    public static let entrySaved: UInt32 = 3
    /// The return address is in lr, r0...r3 lie on the stack.
    public static let linkSaved: UInt32 = 4
    /// Nothing is known: unwinding ends.
    public static let unknown: UInt32 = 5

    public static let savedLinkOffset: UInt64 = 20
    public static let entryByteCount: UInt64 = 24
    public static let exitByteCount: UInt64 = 16
    public static let runsOffset = 24
}
