/// A litmus test of AArch64 in herd's format.
struct LitmusTest: Sendable {
    /// A thread's code: instructions with the labels that stand before them.
    struct Code: Sendable {
        var instructions: [LitmusInstruction] = []
        var labels: [String: Int] = [:]

        /// An instruction as memory holds it: where its target is, and not what that is called.
        func word(_ index: Int) -> LitmusValue? {
            guard instructions.indices.contains(index) else { return nil }
            let instruction = instructions[index]
            if case .undefined(let number) = instruction.action { return .integer(number) }
            guard let label = instruction.target, let target = labels[label] else { return .instruction(instruction) }
            return .instruction(instruction.relative(by: target - index))
        }
    }

    /// `int x[2]`: elements of so many bytes.
    struct Array: Sendable {
        var count: Int
        var byteCount: Int64
    }

    var name = ""
    /// `KEY=VALUE` lines between the name and the initial state.
    var header: [String: String] = [:]
    var threads: [Code] = []
    /// By thread: what runs when an instruction is undefined.
    var handlers: [Int: Code] = [:]
    var registers: [Int: [Int: LitmusValue]] = [:]
    var memory: [LitmusLocation: LitmusValue] = [:]
    var arrays: [String: Array] = [:]
    /// Places that page tables give a second name.
    var aliases: [String: LitmusLocation] = [:]
    var condition = LitmusCondition.and([])
    /// Executions that don't satisfy it don't count.
    var filter = LitmusCondition.and([])
    /// Whether the condition is asked of all executions.
    var isForAll = false

    /// A line of the header by its key, in whatever case.
    func header(_ key: String) -> String? { header.first { $0.key.lowercased() == key.lowercased() }?.value }

    /// Why the test asks for another model than this one; nil when it does not.
    var otherModel: String? {
        let known: Set<String> = ["self", "ifetch", "fatal", "handled", ""]
        let variants = (header("Variant") ?? "").split { $0 == "," || $0 == " " }.map { $0.lowercased() }
        if let other = variants.first(where: { !known.contains($0) }) { return "variant '\(other)'" }
        return header("TTHM").map { "hardware updates of tables (TTHM=\($0))" }
    }

    /// What a place is called in the test.
    func name(_ location: LitmusLocation) -> String {
        guard case .code(let thread, let index) = location, threads.indices.contains(thread) else {
            return location.description
        }
        let label = threads[thread].labels.filter { $0.value == index }.map(\.key).min()
        return label.map { "P\(thread):\($0)" } ?? location.description
    }

    /// What stands at a place in the beginning; nil behind the end of code.
    func initial(_ location: LitmusLocation) -> LitmusValue? {
        switch location {
        case .data: memory[location] ?? .zero
        case .code(let thread, let index): threads.indices.contains(thread) ? threads[thread].word(index) : nil
        }
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
    case memory(LitmusLocation, LitmusValue)
    /// The thread met an undefined instruction there.
    case fault(thread: Int, LitmusLocation)
    case and([LitmusCondition])
    case or([LitmusCondition])
    case not(LitmusCondition)

    /// Nil where it depends on what is not known yet, or not at all.
    func holds(
        register: (Int, Int) -> LitmusValue?, memory: (LitmusLocation) -> LitmusValue?,
        faults: (Int) -> Set<LitmusLocation>?
    ) -> Bool? {
        switch self {
        case .fault(let thread, let location): return faults(thread).map { $0.contains(location) }
        case .register(let thread, let number, let value):
            return register(thread, number).flatMap { Self.isSame($0, value) }
        case .memory(let place, let value): return memory(place).flatMap { Self.isSame($0, value) }
        case .not(let inner): return inner.holds(register: register, memory: memory, faults: faults).map { !$0 }
        case .and(let parts):
            let found = parts.map { $0.holds(register: register, memory: memory, faults: faults) }
            return found.contains(false) ? false : found.contains(nil) ? nil : true
        case .or(let parts):
            let found = parts.map { $0.holds(register: register, memory: memory, faults: faults) }
            return found.contains(true) ? true : found.contains(nil) ? nil : false
        }
    }

    /// A negative number may be meant as 32 bits or as 64: where that matters, nobody knows.
    private static func isSame(_ value: LitmusValue, _ wanted: LitmusValue) -> Bool? {
        if value != wanted, case .integer(let number) = wanted, number < 0, value == wanted.narrow { return nil }
        return value.isSame(as: wanted)
    }
}
