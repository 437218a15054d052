import AgentShims

/// What the kernel believes to be the environment's strings: /proc/self/environ shows the bytes
/// between two addresses that were set at exec.
enum KernelView {
    private static let fieldCount = 13

    /// Moves the end of the environment down to `end`.
    ///
    /// PR_SET_MM_MAP sets every address at once, so the others are given back as they are. Needs no
    /// privilege; where the kernel was built without it, /proc/self/environ ends in zeros.
    /// Source: prctl(2), PR_SET_MM; proc(5), /proc/pid/stat fields 26...28 and 45...51.
    static func endEnvironment(at end: UInt64, was: UInt64) {
        var map = InlineArray<13, UInt64>(repeating: 0)
        guard readAddresses(into: &map), map[10] == was else { return }
        map[10] = end
        map[5] = UInt64(bitPattern: System.call(CallNumber.programBreak))
        let noAuxiliaryVector: UInt64 = 0
        let keepExecutable: UInt64 = 0xffff_ffff
        map[11] = noAuxiliaryVector
        map[12] = keepExecutable << 32
        let setMemory: Int64 = 35
        let wholeMap: Int64 = 14
        _ = withUnsafeMutablePointer(to: &map) {
            System.call(
                CallNumber.processControl, setMemory, wholeMap, Int64(UInt(bitPattern: $0)), Int64(fieldCount &* 8))
        }
    }

    /// Fills `struct prctl_mm_map`: start and end of code and data, start_brk, (brk), start_stack,
    /// start and end of arguments and environment.
    private static func readAddresses(into map: inout InlineArray<13, UInt64>) -> Bool {
        let path: StaticString = "/proc/self/stat"
        let descriptor = System.open(UInt64(UInt(bitPattern: path.utf8Start)), flags: 0)
        if descriptor < 0 { return false }
        defer { System.close(descriptor) }
        var buffer = InlineArray<1024, UInt8>(repeating: 0)
        let count = withUnsafeMutablePointer(to: &buffer) {
            System.read(descriptor, UInt64(UInt(bitPattern: $0)), 1024)
        }
        if count <= 0 || count >= 1024 { return false }
        // The name, in parentheses, may hold anything: the fields begin after the last one.
        var index = Int(count) &- 1
        while index > 0 && buffer[index] != 41 { index = index &- 1 }
        var field = 2
        var value: UInt64 = 0
        while index < Int(count) {
            let byte = buffer[index]
            if byte == 32 || byte == 10 {
                if let place = place(ofField: field) { map[place] = value }
                field = field &+ 1
                value = 0
            } else {
                value = value &* 10 &+ UInt64(byte & 15)
            }
            index = index &+ 1
        }
        return field > 51
    }

    private static func place(ofField field: Int) -> Int? {
        switch field {
        case 26: 0  // start_code
        case 27: 1  // end_code
        case 28: 6  // start_stack
        case 45: 2  // start_data
        case 46: 3  // end_data
        case 47: 4  // start_brk
        case 48: 7  // arg_start
        case 49: 8  // arg_end
        case 50: 9  // env_start
        case 51: 10  // env_end
        default: nil
        }
    }
}
