import AgentShims

/// What the header of an ELF file says of its instruction set.
struct TargetProgram {
    private let elfClass: UInt8
    private let order: UInt8
    private let machine: UInt16

    init?(path: UInt64) {
        let descriptor = System.open(path, flags: 0)
        if descriptor < 0 { return nil }
        self.init(descriptor)
    }

    /// The program of a process.
    init?(_ process: ProcessFile) {
        let descriptor = process.open("/exe")
        if descriptor < 0 { return nil }
        self.init(descriptor)
    }

    private init?(_ descriptor: Int64) {
        defer { System.close(descriptor) }
        var header = InlineArray<20, UInt8>(repeating: 0)
        let count = withUnsafeMutablePointer(to: &header) {
            System.readAt(descriptor, UInt64(UInt(bitPattern: $0)), 20, offset: 0)
        }
        guard count == 20, header[0] == 0x7f, header[1] == 69, header[2] == 76, header[3] == 70 else { return nil }
        elfClass = header[4]
        order = header[5]
        machine = UInt16(header[18]) | UInt16(header[19]) << 8
    }

    /// Whether it is of the instruction set of this program.
    var isOwn: Bool {
        #if arch(arm64)
            elfClass == 2 && order == 1 && machine == 183
        #else
            elfClass == 1 && order == 1 && machine == 40
        #endif
    }
}
