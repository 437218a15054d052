/// A litmus test of AArch64 in herd's format.
struct LitmusTest: Sendable {
    /// A thread's code: instructions with the labels that stand before them.
    struct Code: Sendable {
        var instructions: [LitmusInstruction] = []
        var labels: [String: Int] = [:]
    }

    var name = ""
    /// `KEY=VALUE` lines between the name and the initial state.
    var header: [String: String] = [:]
    var threads: [Code] = []
    /// By thread: what runs when an instruction is undefined.
    var handlers: [Int: Code] = [:]
    var registers: [Int: [Int: LitmusValue]] = [:]
    var memory: [String: LitmusValue] = [:]
    var condition = LitmusCondition.and([])

    /// A line of the header by its key, in whatever case.
    func header(_ key: String) -> String? { header.first { $0.key.lowercased() == key.lowercased() }?.value }

    /// Why the test asks for another model than this one; nil when it does not.
    var otherModel: String? {
        let known: Set<String> = ["self", "ifetch", "fatal", "handled", ""]
        let variants = (header("Variant") ?? "").split { $0 == "," || $0 == " " }.map { $0.lowercased() }
        if let other = variants.first(where: { !known.contains($0) }) { return "variant '\(other)'" }
        return header("TTHM").map { "hardware updates of tables (TTHM=\($0))" }
    }

    /// The caches that the test itself asks for.
    var cacheType: CacheType {
        let kinds = (header("CacheType") ?? "").uppercased()
        if kinds.contains("DIC") { return .dicIdc }
        return kinds.contains("IDC") ? .idc : .none
    }
}

/// What has to hold in the end.
indirect enum LitmusCondition: Equatable, Sendable {
    case register(thread: Int, Int, LitmusValue)
    case memory(String, LitmusValue)
    /// The thread met an undefined instruction there.
    case fault(thread: Int, LitmusLocation)
    case and([LitmusCondition])
    case or([LitmusCondition])
    case not(LitmusCondition)

    /// Nil where it depends on what is not known yet.
    func holds(
        register: (Int, Int) -> LitmusValue?, memory: (String) -> LitmusValue?, faults: (Int) -> Set<LitmusLocation>?
    ) -> Bool? {
        switch self {
        case .fault(let thread, let location): return faults(thread).map { $0.contains(location) }
        case .register(let thread, let number, let value): return register(thread, number).map { $0 == value }
        case .memory(let name, let value): return memory(name).map { $0 == value }
        case .not(let inner): return inner.holds(register: register, memory: memory, faults: faults).map { !$0 }
        case .and(let parts):
            let found = parts.map { $0.holds(register: register, memory: memory, faults: faults) }
            return found.contains(false) ? false : found.contains(nil) ? nil : true
        case .or(let parts):
            let found = parts.map { $0.holds(register: register, memory: memory, faults: faults) }
            return found.contains(true) ? true : found.contains(nil) ? nil : false
        }
    }
}
