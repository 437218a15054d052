/// Registers and flags.
extension ThreadRunner {
    func value(_ register: LitmusInstruction.Register, _ state: State) -> LitmusValue {
        if case .general(let number) = register { state.registers[number] } else { .zero }
    }

    func dependencies(
        _ register: LitmusInstruction.Register, _ state: State
    ) -> LitmusEvent.Dependencies {
        if case .general(let number) = register { state.dependencies[number] } else { .init() }
    }

    func operand(
        _ operand: LitmusInstruction.Operand, _ state: State
    ) -> (LitmusValue, LitmusEvent.Dependencies) {
        switch operand {
        case .immediate(let number): (.integer(number), .init())
        case .register(let register): (value(register, state), dependencies(register, state))
        }
    }

    func set(
        _ register: LitmusInstruction.Register, _ value: LitmusValue, _ dependencies: LitmusEvent.Dependencies,
        isWide: Bool = true, _ state: inout State
    ) {
        guard case .general(let number) = register else { return }
        state.registers[number] = isWide ? value : value.narrow
        state.dependencies[number] = dependencies
    }

    func compute(_ instruction: LitmusInstruction, _ state: inout State) throws(LitmusError) {
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

    func result(
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

    func holds(_ condition: LitmusInstruction.Condition, _ state: State) throws(LitmusError) -> Bool {
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
    func branch(_ action: LitmusInstruction.Action, _ state: inout State) throws(LitmusError) {
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

    func code(_ label: String, _ place: Place) throws(LitmusError) -> LitmusValue {
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

    func jump(to target: LitmusValue, _ state: inout State) throws(LitmusError) {
        guard case .code(let thread, let index) = target else {
            // RET without a call: back to who started the thread.
            guard target == .zero else { throw LitmusError(what: "a branch to '\(target)'") }
            state.place = Place(thread: state.place.thread, index: Int.max)
            return
        }
        state.place = Place(thread: thread, index: index)
    }
}
