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
    /// Why a way was not followed to its end, if one was not; what is beyond is in no trace.
    private(set) var gap: String?

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
            throw LitmusError(what: "more than \(Self.stepLimit) instructions in a thread", isLimit: true)
        }
        let code = code(state.place)
        guard state.place.index < code.instructions.count else {
            guard state.place.index == code.instructions.count || state.place.index == Int.max else {
                return try leave(state, "a branch behind the code of a thread")
            }
            return try finish(state)
        }
        var state = state
        state.instance += 1
        guard state.visits[state.place, default: 0] < Self.roundLimit else {
            let place = test.name(.code(thread: state.place.thread, index: state.place.index))
            return try leave(state, "a loop that goes round more than \(Self.roundLimit) times at \(place)")
        }
        state.visits[state.place, default: 0] += 1
        let location = LitmusLocation.code(thread: state.place.thread, index: state.place.index)
        do {
            try fetch(location, code.instructions[state.place.index], state)
        } catch {
            // What can't be followed is no reason to deny what can.
            if error.isLimit { throw error }
            try leave(state, error.what)
        }
    }

    private mutating func fetch(
        _ location: LitmusLocation, _ instruction: LitmusInstruction, _ state: State
    ) throws(LitmusError) {
        guard !state.place.isHandler, written.contains(location) else { return try execute(instruction, state) }
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

    private mutating func leave(_ state: State, _ reason: String) throws(LitmusError) {
        gap = gap ?? reason
        try finish(state, isCut: true)
    }

    private mutating func finish(_ state: State, isCut: Bool = false) throws(LitmusError) {
        guard traces.count < Self.traceLimit else {
            throw LitmusError(what: "more than \(Self.traceLimit) ways through a thread", isLimit: true)
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
