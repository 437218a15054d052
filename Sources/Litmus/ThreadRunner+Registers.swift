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
        _ operand: LitmusInstruction.Operand, isWide: Bool, _ state: State
    ) throws(LitmusError) -> (LitmusValue, LitmusEvent.Dependencies) {
        switch operand {
        case .immediate(let number): return (try sized(.integer(number), isWide: isWide), .init())
        case .register(let register):
            return (try sized(value(register, state), isWide: isWide), dependencies(register, state))
        case .extended(let register, let kind, let shift):
            return (try extended(value(register, state), kind, shift, isWide: isWide), dependencies(register, state))
        }
    }

    private func extended(
        _ value: LitmusValue, _ kind: LitmusInstruction.Operand.Extension, _ shift: Int64, isWide: Bool
    ) throws(LitmusError) -> LitmusValue {
        if shift == 0 && kind == .none { return try sized(value, isWide: isWide) }
        guard case .integer(let number) = value else { throw LitmusError(what: "'\(value)' extended or shifted") }
        let start: Int64 =
            switch kind {
            case .none: number
            case .signed: Int64(Int32(truncatingIfNeeded: number))
            case .unsigned: Int64(UInt32(truncatingIfNeeded: number))
            }
        return try sized(.integer(start << shift), isWide: isWide)
    }

    /// The value in 32 or 64 bits.
    func sized(_ value: LitmusValue, isWide: Bool) throws(LitmusError) -> LitmusValue {
        if isWide { return value }
        guard let narrow = value.narrow else { throw LitmusError(what: "32 bits of the address '\(value)'") }
        return narrow
    }

    func isSame(_ a: LitmusValue, _ b: LitmusValue, isWide: Bool = true) throws(LitmusError) -> Bool {
        let (a, b) = (try sized(a, isWide: isWide), try sized(b, isWide: isWide))
        guard let isSame = a.isSame(as: b) else { throw LitmusError(what: "'\(a)' compared with '\(b)'") }
        return isSame
    }

    func set(
        _ register: LitmusInstruction.Register, _ value: LitmusValue, _ dependencies: LitmusEvent.Dependencies,
        isWide: Bool = true, _ state: inout State
    ) throws(LitmusError) {
        guard case .general(let number) = register else { return }
        state.registers[number] = try sized(value, isWide: isWide)
        state.dependencies[number] = dependencies
    }

    func compute(_ instruction: LitmusInstruction, _ state: inout State) throws(LitmusError) {
        let isWide = instruction.isWide
        switch instruction.action {
        case .move(let target, let source, let isNegated):
            var (value, dependencies) = try operand(source, isWide: isWide, state)
            if isNegated {
                guard case .integer(let number) = value else { throw LitmusError(what: "the complement of '\(value)'") }
                value = .integer(~number)
            }
            try set(target, value, dependencies, isWide: isWide, &state)
        case .moveKeeping(let target, let number, let shift):
            guard case .integer(let old) = value(target, state) else { throw LitmusError(what: "part of an address") }
            let new = old & ~(0xffff << shift) | number << shift
            try set(target, .integer(new), dependencies(target, state), isWide: isWide, &state)
        case .arithmetic: try arithmetic(instruction, &state)
        case .select(let target, let first, let second, let condition, let increments):
            let holds = try holds(condition, state)
            var chosen = try sized(value(holds ? first : second, state), isWide: isWide)
            if !holds && increments { chosen = try result(.add, chosen, .integer(1)) }
            let dependencies = self.dependencies(holds ? first : second, state) | state.flagDependencies.picked
            try set(target, chosen, dependencies, isWide: isWide, &state)
        case .address(let target, let label): try set(target, try code(label, state.place), .init(), &state)
        default: break
        }
    }

    private func arithmetic(_ instruction: LitmusInstruction, _ state: inout State) throws(LitmusError) {
        guard case .arithmetic(let kind, let target, let first, let second, let setsFlags) = instruction.action else {
            return
        }
        let isWide = instruction.isWide
        var both = dependencies(first, state)
        let left: LitmusValue
        let right: LitmusValue
        if second == .register(first), kind == .exclusiveOr || kind == .subtract {
            // Whatever it is: half an address as well.
            (left, right) = (.zero, .zero)
        } else {
            left = try sized(value(first, state), isWide: isWide)
            let (value, dependencies) = try operand(second, isWide: isWide, state)
            right = value
            both = both | dependencies
        }
        if setsFlags {
            let result = kind == .subtract ? LitmusValue.zero : try sized(result(kind, left, right), isWide: isWide)
            state.flags =
                kind == .subtract ? .difference(left, right) : kind == .add ? .sum(result) : .bits(result)
            state.flags = state.flags.signed(isWide: isWide)
            state.flagDependencies = both
        }
        if target != .zero { try set(target, try result(kind, left, right), both, isWide: isWide, &state) }
    }

    func result(
        _ kind: LitmusInstruction.Arithmetic, _ a: LitmusValue, _ b: LitmusValue
    ) throws(LitmusError) -> LitmusValue {
        if case .integer(let left) = a, case .integer(let right) = b { return .integer(kind.result(left, right)) }
        if a == b, kind == .exclusiveOr || kind == .subtract || kind == .clear { return .zero }
        if a == b, kind == .and || kind == .or { return a }
        if case .integer(let right) = b {
            if right == 0 { return kind == .and ? .zero : a }
            if kind == .add, let sum = a.advanced(by: right) { return sum }
            if kind == .subtract, right != .min, let difference = a.advanced(by: -right) { return difference }
        }
        if case .integer(let left) = a {
            if kind == .add, let sum = b.advanced(by: left) { return sum }
            if left == 0, kind == .or || kind == .exclusiveOr { return b }
            if left == 0, kind == .and || kind == .clear { return .zero }
        }
        throw LitmusError(what: "arithmetic on '\(a)' and '\(b)'")
    }

    func holds(_ condition: LitmusInstruction.Condition, _ state: State) throws(LitmusError) -> Bool {
        switch (condition, state.flags) {
        case (.al, _): return true
        case (.eq, .difference(let a, let b)): return try isSame(a, b)
        case (.ne, .difference(let a, let b)): return try !isSame(a, b)
        case (.eq, .sum(let value)), (.eq, .bits(let value)): return try isSame(value, .zero)
        case (.ne, .sum(let value)), (.ne, .bits(let value)): return try !isSame(value, .zero)
        case (_, .difference(.integer(let a), .integer(let b))):
            if let holds = condition.holds(a, b) { return holds }
        // No carry and no overflow.
        case (.ge, .bits(.integer(let value))), (.pl, .bits(.integer(let value))), (.pl, .sum(.integer(let value))):
            return value >= 0
        case (.lt, .bits(.integer(let value))), (.mi, .bits(.integer(let value))), (.mi, .sum(.integer(let value))):
            return value < 0
        case (.gt, .bits(.integer(let value))): return value > 0
        case (.le, .bits(.integer(let value))): return value <= 0
        default: break
        }
        throw LitmusError(what: "condition \(condition.rawValue.uppercased()) of \(state.flags)")
    }
}

/// What the flags were made from.
enum LitmusFlags: Equatable, Sendable {
    case difference(LitmusValue, LitmusValue)
    case sum(LitmusValue)
    /// Of AND and the like.
    case bits(LitmusValue)

    /// Numbers of 32 bits with their own sign.
    func signed(isWide: Bool) -> LitmusFlags {
        func signed(_ value: LitmusValue) -> LitmusValue {
            guard !isWide, case .integer(let number) = value else { return value }
            return .integer(Int64(Int32(truncatingIfNeeded: number)))
        }
        switch self {
        case .difference(let a, let b): return .difference(signed(a), signed(b))
        case .sum(let value): return .sum(signed(value))
        case .bits(let value): return .bits(signed(value))
        }
    }
}

extension LitmusInstruction.Condition {
    /// Of numbers that were compared.
    func holds(_ left: Int64, _ right: Int64) -> Bool? {
        let (low, high) = (UInt64(bitPattern: left), UInt64(bitPattern: right))
        switch self {
        case .ge: return left >= right
        case .lt: return left < right
        case .gt: return left > right
        case .le: return left <= right
        case .hs: return low >= high
        case .lo: return low < high
        case .hi: return low > high
        case .ls: return low <= high
        // The sign of the difference alone, which may have overflowed: not from here.
        case .mi, .pl: return nil
        case .eq: return left == right
        case .ne: return left != right
        case .al: return true
        }
    }
}

extension LitmusInstruction.Arithmetic {
    func result(_ left: Int64, _ right: Int64) -> Int64 {
        switch self {
        case .add: left &+ right
        case .subtract: left &- right
        case .exclusiveOr: left ^ right
        case .and: left & right
        case .or: left | right
        case .clear: left & ~right
        case .shiftLeft: left << right
        case .shiftRight: Int64(bitPattern: UInt64(bitPattern: left) >> UInt64(bitPattern: right))
        }
    }
}

/// Branches.
extension ThreadRunner {
    func branch(_ instruction: LitmusInstruction, _ state: inout State) throws(LitmusError) {
        let links: Bool =
            switch instruction.action {
            case .branchLink, .branchRegister(_, links: true): true
            default: false
            }
        if links && state.place.isHandler { throw LitmusError(what: "a call in a handler") }
        let here = LitmusValue.code(thread: state.place.thread, index: state.place.index)
        switch instruction.action {
        case .branch(let label): try jump(to: code(label, state.place), &state)
        case .branchLink(let label):
            let target = try code(label, state.place)
            try set(.general(30), here, .init(), &state)
            try jump(to: target, &state)
        case .branchConditional(let condition, let label):
            state.control = state.control | state.flagDependencies
            if try holds(condition, state) { try jump(to: code(label, state.place), &state) }
        case .compareBranch(let register, let isZero, let label):
            state.control = state.control | dependencies(register, state)
            let isSame = try isSame(value(register, state), .zero, isWide: instruction.isWide)
            if isSame == isZero { try jump(to: code(label, state.place), &state) }
        case .testBranch(let register, let bit, let isZero, let label):
            state.control = state.control | dependencies(register, state)
            guard case .integer(let number) = value(register, state) else {
                throw LitmusError(what: "a bit of '\(value(register, state))'")
            }
            if (number >> bit & 1 == 0) == isZero { try jump(to: code(label, state.place), &state) }
        case .branchRegister(let register, let links):
            let target = value(register, state)
            state.indirect = state.indirect | dependencies(register, state)
            if links { try set(.general(30), here, .init(), &state) }
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
        // Another thread's, when no other has one of that name.
        let others = test.threads.indices.filter { test.threads[$0].labels[label] != nil }
        if others.count == 1, let index = test.threads[others[0]].labels[label] {
            return .code(thread: others[0], index: index)
        }
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
