/// Memory and caches.
extension ThreadRunner {
    func location(
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

    func possible(_ location: LitmusLocation) throws(LitmusError) -> [LitmusValue] {
        if let known = values[location] { return known }
        guard case .code(let thread, let index) = location else { return [.zero] }
        let code = test.threads[thread].instructions
        guard code.indices.contains(index) else { throw LitmusError(what: "an access behind the code of P\(thread)") }
        return [.instruction(code[index])]
    }

    mutating func access(_ instruction: LitmusInstruction, _ state: State) throws(LitmusError) {
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

    static func read(_ event: Int) -> LitmusEvent.Dependencies { .init(plain: 1 << UInt64(event)) }

    mutating func store(
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

    mutating func atomic(_ instruction: LitmusInstruction, _ state: State) throws(LitmusError) {
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
            if update == .compare, dependencies(result, state) != .init() {
                throw LitmusError(what: "a compare-and-swap whose comparison depends on a read")
            }
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

    func updated(
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
