/// Memory and caches.
extension ThreadRunner {
    func location(
        _ base: LitmusInstruction.Register, _ offset: LitmusInstruction.Offset, _ instruction: LitmusInstruction,
        _ state: State
    ) throws(LitmusError) -> (LitmusLocation, LitmusEvent.Dependencies) {
        // A number behind the brackets, `[X1], #8`, is added when the access is done.
        let (distance, dependencies) =
            offset.index == .after ? (.zero, .init()) : try operand(offset.operand, isWide: true, state)
        let start = value(base, state)
        guard case .integer(let bytes) = distance, let place = start.advanced(by: bytes) else {
            throw LitmusError(what: "an access at '\(start)' + '\(distance)'")
        }
        return (try self.place(place, instruction), self.dependencies(base, state) | dependencies)
    }

    private func place(_ address: LitmusValue, _ instruction: LitmusInstruction) throws(LitmusError) -> LitmusLocation {
        let isMaintenance: Bool =
            switch instruction.action {
            case .cleanData, .invalidateInstructions: true
            default: false
            }
        switch address {
        case .code(let thread, let index):
            if instruction.isWide && !isMaintenance { throw LitmusError(what: "an access to two instructions at once") }
            return .code(thread: thread, index: index)
        case .address(let name, let offset):
            if let alias = test.aliases[name] {
                guard offset == 0, isMaintenance || !instruction.isWide || alias == .data(name) else {
                    throw LitmusError(what: "an access at '\(address)', which has two names")
                }
                return alias
            }
            guard offset != 0 || test.arrays[name] != nil else { return .data(name) }
            guard let array = test.arrays[name], offset >= 0, offset % array.byteCount == 0,
                offset / array.byteCount < Int64(array.count), array.byteCount == (instruction.isWide ? 8 : 4),
                !isMaintenance
            else { throw LitmusError(what: "an access at '\(address)'") }
            return .data(name, offset: offset)
        default: throw LitmusError(what: "an access at '\(address)'")
        }
    }

    func possible(_ location: LitmusLocation) throws(LitmusError) -> [LitmusValue] {
        if let known = values[location] { return known }
        guard let value = test.initial(location) else {
            throw LitmusError(what: "an access behind the code of a thread")
        }
        return [value]
    }

    /// `[X1, #8]!` and `[X1], #8` change their base register.
    private func moveBase(
        _ base: LitmusInstruction.Register, _ offset: LitmusInstruction.Offset, _ state: inout State
    ) throws(LitmusError) {
        guard offset.index != .none, case .immediate(let bytes) = offset.operand else { return }
        guard let moved = value(base, state).advanced(by: bytes) else {
            throw LitmusError(what: "a base that is no address")
        }
        try set(base, moved, dependencies(base, state), &state)
    }

    mutating func access(_ instruction: LitmusInstruction, _ state: State) throws(LitmusError) {
        switch instruction.action {
        case .load(let target, let base, let offset, let acquire, let isExclusive):
            let (location, address) = try location(base, offset, instruction, state)
            var event = event(.read, instruction, state)
            (event.location, event.address, event.data) = (location, address, written(location, state))
            event.isAcquire = acquire == .acquire
            event.isAcquirePC = acquire == .acquirePC
            for value in try possible(location) {
                var next = state
                event.value = value
                next.events.append(event)
                try moveBase(base, offset, &next)
                if isExclusive { next.monitor = (location, next.events.count - 1) }
                try set(target, value, loaded(next.events.count - 1, next), isWide: instruction.isWide, &next)
                try run(next)
            }
        case .store(let source, let base, let offset, let release, let status):
            try store(instruction, source, base, offset, release, status, state)
        case .atomic: try atomic(instruction, state)
        case .cleanData(let register), .invalidateInstructions(let register):
            let (location, address) = try location(register, .init(), instruction, state)
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

    /// What a value depends on that was just read: the read, its address, and through memory what the thread itself
    /// wrote there last, whether or not that is what was read.
    private func loaded(_ read: Int, _ state: State) -> LitmusEvent.Dependencies {
        Self.read(read) | state.events[read].address | state.events[read].data
    }

    private func written(_ location: LitmusLocation, _ state: State) -> LitmusEvent.Dependencies {
        guard let last = state.events.last(where: { $0.kind == .write && $0.location == location }) else {
            return .init()
        }
        let computed = last.isComputed ? last.partner.map(Self.read) ?? .init() : .init()
        return last.address | last.data | computed
    }

    mutating func store(
        _ instruction: LitmusInstruction, _ source: LitmusInstruction.Register, _ base: LitmusInstruction.Register,
        _ offset: LitmusInstruction.Offset, _ release: Bool, _ status: LitmusInstruction.Register?, _ state: State
    ) throws(LitmusError) {
        let (location, address) = try location(base, offset, instruction, state)
        var event = event(.write, instruction, state)
        (event.location, event.address, event.data) = (location, address, dependencies(source, state))
        event.value = try sized(value(source, state), isWide: instruction.isWide)
        event.isRelease = release
        var next = state
        try moveBase(base, offset, &next)
        guard let status else {
            next.events.append(event)
            return try run(next)
        }
        next.monitor = nil
        var failed = next
        try set(status, .integer(1), .init(), &failed)
        try run(failed)
        // Without its exclusive load it can only fail.
        guard let monitor = state.monitor, monitor.location == location else { return }
        event.partner = monitor.event
        next.events.append(event)
        try set(status, .integer(0), .init(), &next)
        try run(next)
    }

    mutating func atomic(_ instruction: LitmusInstruction, _ state: State) throws(LitmusError) {
        guard case .atomic(let update, let source, let result, let base, let acquire, _) = instruction.action
        else { return }
        let (location, address) = try location(base, .init(), instruction, state)
        for old in try possible(location) {
            var next = state
            var read = event(.read, instruction, state)
            (read.location, read.address, read.data) = (location, address, written(location, state))
            read.value = old
            // A result that is thrown away is no read for barriers.
            read.isAcquire = acquire && result != .zero
            read.hasNoResult = result == .zero
            next.events.append(read)
            let dependencies = loaded(next.events.count - 1, next)
            if update == .compare {
                try compareAndSwap(instruction, dependencies, next)
            } else {
                try add(instruction, data: self.dependencies(source, state), &next)
                try set(result, old, dependencies, isWide: instruction.isWide, &next)
                try run(next)
            }
        }
    }

    /// The write of an atomic whose read is the last event.
    private func add(
        _ instruction: LitmusInstruction, data: LitmusEvent.Dependencies, _ state: inout State
    ) throws(LitmusError) {
        guard case .atomic(let update, let source, _, _, _, let release) = instruction.action,
            let read = state.events.last
        else { return }
        var write = event(.write, instruction, state)
        (write.location, write.address, write.data) = (read.location, read.address, data)
        let operand = try sized(value(source, state), isWide: instruction.isWide)
        write.value = try sized(updated(update, read.value, operand), isWide: instruction.isWide)
        write.isRelease = release
        write.isComputed = update != .swap && update != .compare
        write.partner = state.events.count - 1
        state.events.append(write)
    }

    /// CAS: the write is picked by the comparison. When it was equal, the result may come from memory, or from the
    /// register that already holds it, whichever is there first: two executions, one for each.
    private mutating func compareAndSwap(
        _ instruction: LitmusInstruction, _ dependencies: LitmusEvent.Dependencies, _ state: State
    ) throws(LitmusError) {
        guard case .atomic(_, let source, let result, _, _, _) = instruction.action, let old = state.events.last?.value
        else { return }
        var next = state
        let expected = self.dependencies(result, state)
        let isEqual = try isSame(old, value(result, state), isWide: instruction.isWide)
        if isEqual {
            try add(instruction, data: self.dependencies(source, state) | (expected | dependencies).picked, &next)
        }
        var kept = next
        try set(result, old, dependencies, isWide: instruction.isWide, &next)
        try run(next)
        guard isEqual, result != .zero else { return }
        try set(result, old, expected | dependencies.picked, isWide: instruction.isWide, &kept)
        try run(kept)
    }

    func updated(
        _ update: LitmusInstruction.Update, _ old: LitmusValue, _ new: LitmusValue
    ) throws(LitmusError) -> LitmusValue {
        switch update {
        case .swap, .compare: return new
        case .add: return try result(.add, old, new)
        case .exclusiveOr: return try result(.exclusiveOr, old, new)
        case .set: return try result(.or, old, new)
        case .clear: return try result(.clear, old, new)
        }
    }
}
