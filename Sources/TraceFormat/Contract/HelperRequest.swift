/// What the host leaves in the program's memory for the code that starts the helper.
///
/// Shape: u64 each at these offsets; texts end with a zero byte.
public enum HelperRequest {
    /// 1: the agent has a session; 2: it is to begin one first.
    public static let mode = 0
    public static let iteratePrograms = 8
    public static let mainStackHigh = 16
    /// The memory that all this lies in, to be unmapped when the helper ends.
    public static let memory = 24
    public static let memoryByteCount = 32
    /// What the starting code found: results of pthread_create (all ones before it) and dlopen, address of
    /// dlerror's text.
    public static let createResult = 40
    public static let openResult = 48
    public static let openError = 56
    /// u64, one of `Progress`.
    public static let progress = 64
    /// Where pthread_create puts its thread.
    public static let thread = 72
    /// Address of the agent's function.
    public static let function = 80
    /// u32: not zero until the first thread is gone.
    public static let firstThread = 88
    public static let agentPath = 128
    public static let sessionPath = agentPath + 4096
    public static let byteCount = sessionPath + 256

    public enum Progress {
        public static let called: UInt64 = 2
        public static let failed: UInt64 = 3
        /// The host has read the reason of the failure.
        public static let read: UInt64 = 4
    }
}
