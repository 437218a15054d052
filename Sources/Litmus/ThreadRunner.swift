/// Runs a thread's code in every way that reads and fetches of given values lead through it.
struct ThreadRunner {
    private static let stepLimit = 120
    private static let traceLimit = 20000

    let test: LitmusTest
    /// What may be read, by place.
    let values: [LitmusLocation: [LitmusValue]]
    /// Places of code that are written to; the others are what they are.
    let written: Set<LitmusLocation>
    private(set) var traces: [LitmusTrace] = []

    /// Where a thread is: whose code, and whether it is a handler's.
    private struct Place {
        var thread: Int
        var index: Int
        var isHandler = false
    }

    private struct State {
        var place: Place
        var registers: [LitmusValue]
        var dependencies = [LitmusEvent.Dependencies](repeating: .init(), count: 31)
        var flags: (LitmusValue, LitmusValue) = (.zero, .zero)
        var flagDependencies = LitmusEvent.Dependencies()
        var control = LitmusEvent.Dependencies()
        var monitor: (location: LitmusLocation, event: Int)?
        var link = LitmusValue.zero
        var events: [LitmusEvent] = []
        var instance = 0
        var faults: Set<LitmusLocation> = []
    }

    private let thread: Int

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

    private func code(_ place: Place) -> LitmusTest.Code {
        place.isHandler ? test.handlers[place.thread] ?? LitmusTest.Code() : test.threads[place.thread]
    }

    private mutating func run(_ state: State) throws(LitmusError) {
        guard state.instance < Self.stepLimit, state.events.count < 60 else {
            throw LitmusError(what: "a loop, or more than \(Self.stepLimit) instructions in a thread")
        }
        let code = code(state.place)
        guard state.place.index < code.instructions.count else {
            guard traces.count < Self.traceLimit else {
                throw LitmusError(what: "more than \(Self.traceLimit) ways through a thread")
            }
            traces.append(LitmusTrace(events: state.events, registers: state.registers, faults: state.faults))
            return
        }
        var state = state
        state.instance += 1
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

    private mutating func execute(_ instruction: LitmusInstruction, _ before: State) throws(LitmusError) {
        var state = before
        state.place.index += 1
        switch instruction.action {
        case .load, .store, .atomic, .cleanData, .invalidateInstructions: try access(instruction, state)
        case .branch, .branchLink, .branchConditional, .compareBranch, .testBranch, .branchRegister:
            try branch(instruction.action, &state)
            try run(state)
        case .barrier(let scope, let isSynchronisation):
            add(.barrier(scope, isSynchronisation: isSynchronisation), instruction, &state)
            try run(state)
        case .contextSynchronisation:
            add(.synchronise, instruction, &state)
            try run(state)
        case .undefined: try fault(before)
        case .writeLink(let register):
            state.link = value(register, state)
            try run(state)
        case .exceptionReturn:
            add(.synchronise, instruction, &state)
            try jump(to: state.link, &state)
            try run(state)
        case .nop, .move, .arithmetic, .select, .address:
            try compute(instruction, &state)
            try run(state)
        }
    }

    /// An undefined instruction: the handler goes on, after the exception's entry.
    private mutating func fault(_ before: State) throws(LitmusError) {
        var state = before
        state.faults.insert(.code(thread: state.place.thread, index: state.place.index))
        guard test.handlers[thread] != nil else {
            guard test.header["Variant"] == "fatal" else {
                throw LitmusError(what: "an undefined instruction in a thread without a handler")
            }
            state.place.index = Int.max
            return try run(state)
        }
        state.link = .code(thread: state.place.thread, index: state.place.index)
        state.events.append(
            LitmusEvent(kind: .synchronise, thread: thread, instance: state.instance, text: "exception"))
        state.instance += 1
        state.place = Place(thread: thread, index: 0, isHandler: true)
        try run(state)
    }

    private func add(_ kind: LitmusEvent.Kind, _ instruction: LitmusInstruction, _ state: inout State) {
        state.events.append(event(kind, instruction, state))
    }

    private func event(_ kind: LitmusEvent.Kind, _ instruction: LitmusInstruction, _ state: State) -> LitmusEvent {
        var event = LitmusEvent(kind: kind, thread: thread, instance: state.instance, text: instruction.text)
        event.control = state.control
        event.isWide = instruction.isWide
        return event
    }
}

/// Registers and flags.
extension ThreadRunner {
    private func value(_ register: LitmusInstruction.Register, _ state: State) -> LitmusValue {
        if case .general(let number) = register { state.registers[number] } else { .zero }
    }

    private func dependencies(
        _ register: LitmusInstruction.Register, _ state: State
    ) -> LitmusEvent.Dependencies {
        if case .general(let number) = register { state.dependencies[number] } else { .init() }
    }

    private func operand(
        _ operand: LitmusInstruction.Operand, _ state: State
    ) -> (LitmusValue, LitmusEvent.Dependencies) {
        switch operand {
        case .immediate(let number): (.integer(number), .init())
        case .register(let register): (value(register, state), dependencies(register, state))
        }
    }

    private func set(
        _ register: LitmusInstruction.Register, _ value: LitmusValue, _ dependencies: LitmusEvent.Dependencies,
        isWide: Bool = true, _ state: inout State
    ) {
        guard case .general(let number) = register else { return }
        state.registers[number] = isWide ? value : value.narrow
        state.dependencies[number] = dependencies
    }

    private func compute(_ instruction: LitmusInstruction, _ state: inout State) throws(LitmusError) {
        let isWide = instruction.isWide
        switch instruction.action {
        case .move(let target, let source):
            let (value, dependencies) = operand(source, state)
            set(target, value, dependencies, isWide: isWide, &state)
        case .arithmetic(let kind, let target, let first, let second, let setsFlags):
            let (value, dependencies) = operand(second, state)
            let left = self.value(first, state)
            let both = self.dependencies(first, state) | dependencies
            if setsFlags {
                state.flags = kind == .subtract ? (left, value) : (try result(kind, left, value), .zero)
                state.flagDependencies = both
            }
            if target != .zero { set(target, try result(kind, left, value), both, isWide: isWide, &state) }
        case .select(let target, let first, let second, let condition, let increments):
            let holds = try holds(condition, state)
            var chosen = value(holds ? first : second, state)
            if !holds && increments { chosen = try result(.add, chosen, .integer(1)) }
            let dependencies = self.dependencies(holds ? first : second, state) | state.flagDependencies.picked
            set(target, chosen, dependencies, isWide: isWide, &state)
        case .address(let target, let label): set(target, try code(label, state.place), .init(), &state)
        default: break
        }
    }

    private func result(
        _ kind: LitmusInstruction.Arithmetic, _ a: LitmusValue, _ b: LitmusValue
    ) throws(LitmusError) -> LitmusValue {
        if a == b, kind == .exclusiveOr || kind == .subtract { return .zero }
        if a == b, kind == .and || kind == .or { return a }
        if kind == .and, a == .zero || b == .zero { return .zero }
        if b == .zero { return a }
        if a == .zero, kind != .subtract { return b }
        guard case .integer(let left) = a, case .integer(let right) = b else {
            throw LitmusError(what: "arithmetic on '\(a)' and '\(b)'")
        }
        switch kind {
        case .add: return .integer(left &+ right)
        case .subtract: return .integer(left &- right)
        case .exclusiveOr: return .integer(left ^ right)
        case .and: return .integer(left & right)
        case .or: return .integer(left | right)
        }
    }

    private func holds(_ condition: LitmusInstruction.Condition, _ state: State) throws(LitmusError) -> Bool {
        let (a, b) = state.flags
        switch condition {
        case .eq: return a == b
        case .ne: return a != b
        case .al: return true
        default: break
        }
        guard case .integer(let left) = a, case .integer(let right) = b else {
            throw LitmusError(what: "'\(a)' compared with '\(b)'")
        }
        let (low, high) = (UInt64(bitPattern: left), UInt64(bitPattern: right))
        switch condition {
        case .ge: return left >= right
        case .lt: return left < right
        case .gt: return left > right
        case .le: return left <= right
        case .hs: return low >= high
        case .lo: return low < high
        case .hi: return low > high
        case .ls: return low <= high
        case .eq, .ne, .al: return true
        }
    }
}

/// Branches.
extension ThreadRunner {
    private func branch(_ action: LitmusInstruction.Action, _ state: inout State) throws(LitmusError) {
        let here = LitmusValue.code(thread: state.place.thread, index: state.place.index)
        switch action {
        case .branch(let label): try jump(to: code(label, state.place), &state)
        case .branchLink(let label):
            let target = try code(label, state.place)
            set(.general(30), here, .init(), &state)
            try jump(to: target, &state)
        case .branchConditional(let condition, let label):
            state.control = state.control | state.flagDependencies
            if try holds(condition, state) { try jump(to: code(label, state.place), &state) }
        case .compareBranch(let register, let isZero, let label):
            state.control = state.control | dependencies(register, state)
            if (value(register, state) == .zero) == isZero { try jump(to: code(label, state.place), &state) }
        case .testBranch(let register, let bit, let isZero, let label):
            state.control = state.control | dependencies(register, state)
            guard case .integer(let number) = value(register, state) else {
                throw LitmusError(what: "a bit of '\(value(register, state))'")
            }
            if (number >> bit & 1 == 0) == isZero { try jump(to: code(label, state.place), &state) }
        case .branchRegister(let register, let links):
            let target = value(register, state)
            state.control = state.control | dependencies(register, state)
            if links { set(.general(30), here, .init(), &state) }
            try jump(to: target, &state)
        default: break
        }
    }

    private func code(_ label: String, _ place: Place) throws(LitmusError) -> LitmusValue {
        if label.hasPrefix("."), let bytes = LitmusDistance.parse(label), bytes % 4 == 0 {
            // From the instruction itself, which the place is already behind.
            let index = place.index - 1 + Int(clamping: bytes / 4)
            guard !place.isHandler, 0...test.threads[place.thread].instructions.count ~= index else {
                throw LitmusError(what: "a branch to '\(label)', out of the code")
            }
            return .code(thread: place.thread, index: index)
        }
        if let index = test.threads[place.thread].labels[label] { return .code(thread: place.thread, index: index) }
        throw LitmusError(what: "label '\(label)'")
    }

    private func jump(to target: LitmusValue, _ state: inout State) throws(LitmusError) {
        guard case .code(let thread, let index) = target else {
            // RET without a call: back to who started the thread.
            guard target == .zero else { throw LitmusError(what: "a branch to '\(target)'") }
            state.place = Place(thread: state.place.thread, index: Int.max)
            return
        }
        state.place = Place(thread: thread, index: index)
    }
}

/// Memory and caches.
extension ThreadRunner {
    private func location(
        _ base: LitmusInstruction.Register, _ offset: LitmusInstruction.Operand, _ state: State
    ) throws(LitmusError) -> (LitmusLocation, LitmusEvent.Dependencies) {
        let (distance, dependencies) = operand(offset, state)
        let all = self.dependencies(base, state) | dependencies
        let start = value(base, state)
        guard case .integer(let bytes) = distance else { throw LitmusError(what: "an offset of '\(distance)'") }
        switch start {
        case .address(let name) where bytes == 0: return (.data(name), all)
        case .code(let thread, let index) where bytes % 4 == 0:
            return (.code(thread: thread, index: index + Int(clamping: bytes / 4)), all)
        default: throw LitmusError(what: "an access at '\(start)' + \(bytes)")
        }
    }

    private func possible(_ location: LitmusLocation) throws(LitmusError) -> [LitmusValue] {
        if let known = values[location] { return known }
        guard case .code(let thread, let index) = location else { return [.zero] }
        let code = test.threads[thread].instructions
        guard code.indices.contains(index) else { throw LitmusError(what: "an access behind the code of P\(thread)") }
        return [.instruction(code[index])]
    }

    private mutating func access(_ instruction: LitmusInstruction, _ state: State) throws(LitmusError) {
        switch instruction.action {
        case .load(let target, let base, let offset, let acquire, let isExclusive):
            let (location, address) = try location(base, offset, state)
            var event = event(.read, instruction, state)
            (event.location, event.address) = (location, address)
            event.isAcquire = acquire == .acquire
            event.isAcquirePC = acquire == .acquirePC
            for value in try possible(location) {
                var next = state
                event.value = value
                next.events.append(event)
                if isExclusive { next.monitor = (location, next.events.count - 1) }
                set(target, value, Self.read(next.events.count - 1), isWide: instruction.isWide, &next)
                try run(next)
            }
        case .store(let source, let base, let offset, let release, let status):
            try store(instruction, source, base, offset, release, status, state)
        case .atomic: try atomic(instruction, state)
        case .cleanData(let register), .invalidateInstructions(let register):
            let (location, address) = try location(register, .immediate(0), state)
            var isClean = false
            if case .cleanData = instruction.action { isClean = true }
            var event = event(isClean ? .clean : .invalidate, instruction, state)
            (event.location, event.address) = (location, address)
            var next = state
            next.events.append(event)
            try run(next)
        default: break
        }
    }

    private static func read(_ event: Int) -> LitmusEvent.Dependencies { .init(plain: 1 << UInt64(event)) }

    private mutating func store(
        _ instruction: LitmusInstruction, _ source: LitmusInstruction.Register, _ base: LitmusInstruction.Register,
        _ offset: LitmusInstruction.Operand, _ release: Bool, _ status: LitmusInstruction.Register?, _ state: State
    ) throws(LitmusError) {
        let (location, address) = try location(base, offset, state)
        var event = event(.write, instruction, state)
        (event.location, event.address, event.data) = (location, address, dependencies(source, state))
        event.value = instruction.isWide ? value(source, state) : value(source, state).narrow
        event.isRelease = release
        var next = state
        guard let status else {
            next.events.append(event)
            return try run(next)
        }
        next.monitor = nil
        var failed = next
        set(status, .integer(1), .init(), &failed)
        try run(failed)
        // Without its exclusive load it can only fail.
        guard let monitor = state.monitor, monitor.location == location else { return }
        event.partner = monitor.event
        next.events.append(event)
        set(status, .integer(0), .init(), &next)
        try run(next)
    }

    private mutating func atomic(_ instruction: LitmusInstruction, _ state: State) throws(LitmusError) {
        guard case .atomic(let update, let source, let result, let base, let acquire, let release) = instruction.action
        else { return }
        let (location, address) = try location(base, .immediate(0), state)
        for old in try possible(location) {
            var next = state
            var read = event(.read, instruction, state)
            (read.location, read.address, read.value) = (location, address, old)
            read.isAcquire = acquire && result != .zero
            read.hasNoResult = result == .zero
            next.events.append(read)
            let isEqual = update == .compare && old == value(result, state)
            if update != .compare || isEqual {
                var write = event(.write, instruction, state)
                (write.location, write.address, write.data) = (location, address, dependencies(source, state))
                write.value = try updated(update, old, value(source, state))
                write.isRelease = release
                write.partner = next.events.count - 1
                next.events.append(write)
                set(result, old, Self.read(next.events.count - 2), isWide: instruction.isWide, &next)
            } else {
                set(result, old, Self.read(next.events.count - 1), isWide: instruction.isWide, &next)
            }
            try run(next)
        }
    }

    private func updated(
        _ update: LitmusInstruction.Update, _ old: LitmusValue, _ new: LitmusValue
    ) throws(LitmusError) -> LitmusValue {
        switch update {
        case .swap, .compare: return new
        case .add: return try result(.add, old, new)
        case .exclusiveOr: return try result(.exclusiveOr, old, new)
        case .set: return try result(.or, old, new)
        case .clear:
            guard case .integer(let mask) = new else { throw LitmusError(what: "bits of '\(new)'") }
            return try result(.and, old, .integer(~mask))
        }
    }
}

extension LitmusValue {
    /// What is left of it in a register of 32 bits.
    var narrow: LitmusValue {
        guard case .integer(let number) = self else { return self }
        return .integer(Int64(Int32(truncatingIfNeeded: number)))
    }
}
