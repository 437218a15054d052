import AgentShims

/// What the command line says: `nopal-attach -p PID [-o FOLDER] PLAN AGENT`. Texts are C strings.
struct AttachArguments {
    private(set) var process: UInt64 = 0
    /// Absolute: the process has a working directory of its own.
    private(set) var plan: UInt64 = 0
    private(set) var agent: UInt64 = 0
    private(set) var folder: UInt64 = 0
    private(set) var hasCounter = true
    /// Nothing else is looked at then.
    private(set) var asksForHelp = false

    static let usage: StaticString = """
        usage: nopal-attach -p PID [-o FOLDER] PLAN AGENT
        Traces a program that runs, by a plan of 'nopal prepare'.
          -p PID      the process
          -o FOLDER   where its file of events goes (default: the working directory); it has to be able to write there
          PLAN        the plan, of the program that the process runs
          AGENT       libnopal-agent-aarch64.so or libnopal-agent-arm.so
        """

    private static let pathLimit: UInt64 = 4095

    /// - Parameter start: where the kernel has put the arguments: a count, then addresses, a word each.
    init(_ start: UInt64) throws(Complaint) {
        let count = nopal_load_word(start)
        var index: UInt64 = 1
        while index < count {
            let argument = Word.field(start, index &+ 1)
            let isLast = index &+ 1 == count
            if Self.isEqual(argument, "-h") || Self.isEqual(argument, "--help") {
                asksForHelp = true
                return
            } else if Self.isEqual(argument, "-p") && !isLast {
                process = Self.number(Word.field(start, index &+ 2))
                if process == 0 { throw Complaint("-p takes the number of a process") }
                index = index &+ 1
            } else if Self.isEqual(argument, "-o") && !isLast {
                folder = Word.field(start, index &+ 2)
                index = index &+ 1
            } else if CString.byte(argument) == 45 {
                throw Complaint("an option that is not known, or without its value: ", path: argument)
            } else if plan == 0 {
                plan = argument
            } else if agent == 0 {
                agent = argument
            } else {
                throw Complaint("one argument too many: ", path: argument)
            }
            index = index &+ 1
        }
        if process == 0 { throw Complaint("-p PID is missing") }
        if plan == 0 { throw Complaint("PLAN and AGENT are missing") }
        if agent == 0 { throw Complaint("AGENT is missing") }
        plan = try Self.absolute(plan)
        agent = try Self.absolute(agent)
        folder = try Self.absolute(folder)
        hasCounter = nopal_may_read_counter() != 0
    }

    private static func isEqual(_ text: UInt64, _ other: StaticString) -> Bool {
        CString.begins(text, with: other) && CString.length(text) == UInt64(other.utf8CodeUnitCount)
    }

    /// 0 for what is no number.
    private static func number(_ text: UInt64) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<CString.length(text) {
            let byte = CString.byte(text &+ index)
            if byte < 48 || byte > 57 || index > 9 { return 0 }
            value = value &* 10 &+ UInt64(byte &- 48)
        }
        return value
    }

    /// A copy that begins with the working directory, unless the path is absolute; 0 stands for that directory.
    private static func absolute(_ path: UInt64) throws(Complaint) -> UInt64 {
        let copy = System.allocate(2 &* (pathLimit &+ 1))
        if copy == 0 { throw Complaint("there is no memory for a path") }
        var at = copy
        if path == 0 || CString.byte(path) != 47 {
            let count = System.call(AttacherCallNumber.workingDirectory, Int64(bitPattern: copy), Int64(pathLimit))
            if count <= 1 { throw Complaint("the working directory can't be told: name absolute paths") }
            at = copy &+ UInt64(count) &- 1
            if path != 0 {
                nopal_store8(at, 47)
                at = at &+ 1
            }
        }
        let count = CString.copy(path, to: at, limit: pathLimit)
        nopal_store8(at &+ count, 0)
        if at &+ count &- copy >= pathLimit { throw Complaint("a path is too long: ", path: path) }
        return copy
    }
}
