import AgentShims

/// Waiting, without a library.
enum Pause {
    static func nanos(_ nanos: Int64) {
        var word: UInt32 = 0
        withUnsafeMutablePointer(to: &word) { System.futexWait(System.word($0), expected: 0, timeoutNanos: nanos) }
    }
}
