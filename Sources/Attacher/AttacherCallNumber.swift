/// System calls that only the attacher makes.
enum AttacherCallNumber {
    #if arch(arm64)
        static let workingDirectory: Int64 = 17
        static let directoryEntries: Int64 = 61
        static let trace: Int64 = 117
        static let wait: Int64 = 260
    #else
        static let workingDirectory: Int64 = 183
        static let directoryEntries: Int64 = 217
        static let trace: Int64 = 26
        static let wait: Int64 = 114
    #endif
}
