/// Runs a thread's code in every way that reads and fetches of given values lead through it.
struct ThreadRunner {
    private static let stepLimit = 120
    static let roundLimit = 4
    private static let traceLimit = 20000

    let test: LitmusTest
    /// What may be read, by place.
    let values: [LitmusLocation: [LitmusValue]]
    /// Places of code that are written to; the others are what they are.
    let written: Set<LitmusLocation>
    private(set) var traces: [LitmusTrace] = []
    /// Where a loop was left because it goes round too often; what is beyond is in no trace.
    private(set) var cut: Place?

    /// Where a thread is: whose code, and whether it is a handler's.
    struct Place: Hashable {
        var thread: Int
        var index: Int
        var isHandler = false
    }

    struct State {
        var place: Place
        var registers: [LitmusValue]
        var dependencies = [LitmusEvent.Dependencies](repeating: .init(), count: 31)
        var flags = LitmusFlags.bits(.integer(1))
        var flagDependencies = LitmusEvent.Dependencies()
        var control = LitmusEvent.Dependencies()
        /// Of branches to an address in a register.
        var indirect = LitmusEvent.Dependencies()
        /// How often it was where.
        var visits: [Place: Int] = [:]
        var monitor: (location: LitmusLocation, event: Int)?
        var link = LitmusValue.zero
        var events: [LitmusEvent] = []
        var instance = 0
        var faults: Set<LitmusLocation> = []
    }

    let thread: Int

    init(
        _ test: LitmusTest, thread: Int, values: [LitmusLocation: [LitmusValue]], written: Set<LitmusLocation>
    ) {
        self.test = test
        self.thread = thread
        self.values = values
        self.written = written
    }

    mutating func run() throws(LitmusError) {
        var registers = [LitmusValue](repeating: .zero, count: 31)
        for (number, value) in test.registers[thread] ?? [:] { registers[number] = value }
        try run(State(place: Place(thread: thread, index: 0), registers: registers))
    }

    func code(_ place: Place) -> LitmusTest.Code {
        place.isHandler ? test.handlers[place.thread] ?? LitmusTest.Code() : test.threads[place.thread]
    }

    mutating func run(_ state: State) throws(LitmusError) {
        guard state.instance < Self.stepLimit, state.events.count < 60 else {
            throw LitmusError(what: "more than \(Self.stepLimit) instructions in a thread")
        }
        let code = code(state.place)
        guard state.place.index < code.instructions.count else {
            return try finish(state)
        }
        var state = state
        state.instance += 1
        guard state.visits[state.place, default: 0] < Self.roundLimit else {
            cut = state.place
            return try finish(state, isCut: true)
        }
        state.visits[state.place, default: 0] += 1
        let location = LitmusLocation.code(thread: state.place.thread, index: state.place.index)
        guard !state.place.isHandler, written.contains(location) else {
            return try execute(code.instructions[state.place.index], state)
        }
        for value in values[location] ?? [] {
            var fetched = state
            fetched.events.append(
                LitmusEvent(
                    kind: .fetch, thread: thread, instance: state.instance, location: location, value: value,
                    text: "fetch"))
            switch value {
            case .instruction(let instruction): try execute(instruction, fetched)
            case .integer(let word) where 0..<0x1_0000 ~= word: try fault(fetched)
            default: throw LitmusError(what: "'\(value)' as an instruction")
            }
        }
    }

    private mutating func finish(_ state: State, isCut: Bool = false) throws(LitmusError) {
        guard traces.count < Self.traceLimit else {
            throw LitmusError(what: "more than \(Self.traceLimit) ways through a thread")
        }
        traces.append(
            LitmusTrace(events: state.events, registers: state.registers, faults: state.faults, isCut: isCut))
    }

    mutating func execute(_ instruction: LitmusInstruction, _ before: State) throws(LitmusError) {
        var state = before
        state.place.index += 1
        switch instruction.action {
        case .load, .store, .atomic, .cleanData, .invalidateInstructions: try access(instruction, state)
        case .branch, .branchLink, .branchConditional, .compareBranch, .testBranch, .branchRegister:
            try branch(instruction, &state)
            try run(state)
        case .barrier(let scope, let isSynchronisation):
            add(.barrier(scope, isSynchronisation: isSynchronisation), instruction, &state)
            try run(state)
        case .contextSynchronisation:
            add(.synchronise, instruction, &state)
            try run(state)
        case .invalidateAllInstructions:
            add(.invalidate, instruction, &state)
            try run(state)
        case .undefined: try fault(before)
        case .writeLink(let register):
            state.link = value(register, state)
            try run(state)
        case .exceptionReturn:
            add(.synchronise, instruction, &state)
            try jump(to: state.link, &state)
            try run(state)
        case .nop, .move, .moveKeeping, .arithmetic, .select, .address:
            try compute(instruction, &state)
            try run(state)
        }
    }

    /// An undefined instruction: the handler goes on, after the exception's entry.
    mutating func fault(_ before: State) throws(LitmusError) {
        var state = before
        state.faults.insert(.code(thread: state.place.thread, index: state.place.index))
        guard test.handlers[thread] != nil else {
            guard test.header("Variant")?.lowercased() == "fatal" else {
                throw LitmusError(what: "an undefined instruction in a thread without a handler")
            }
            state.place.index = Int.max
            return try run(state)
        }
        state.link = .code(thread: state.place.thread, index: state.place.index)
        state.events.append(
            event(.synchronise, LitmusInstruction(action: .nop, text: "exception"), state))
        state.instance += 1
        state.place = Place(thread: thread, index: 0, isHandler: true)
        try run(state)
    }

    func add(_ kind: LitmusEvent.Kind, _ instruction: LitmusInstruction, _ state: inout State) {
        state.events.append(event(kind, instruction, state))
    }

    func event(_ kind: LitmusEvent.Kind, _ instruction: LitmusInstruction, _ state: State) -> LitmusEvent {
        var event = LitmusEvent(kind: kind, thread: thread, instance: state.instance, text: instruction.text)
        event.control = state.control
        event.indirect = state.indirect
        event.isWide = instruction.isWide
        return event
    }
}
