import Patching

/// A thread: it comes to a site, fetches, executes, hits breakpoints, and is held to what it saw.
extension Stepper {
    mutating func step(_ index: Int, _ state: ModelState, _ successors: inout Successors) {
        let thread = layout.thread(index)
        switch state[thread.standing] & 0x7f {
        case Standing.retired: return
        case Standing.trapped: return handle(index, thread, state, &successors)
        default: break
        }
        var ahead = state
        if machine.catchUp(thread, in: &ahead) {
            successors.add(Move(kind: .catchUp, thread: index), ahead)
        }
        if state[thread.place] == 0 {
            enter(index, thread, state, &successors)
        } else {
            execute(index, thread, state, &successors)
        }
    }

    private func enter(
        _ index: Int, _ thread: ThreadLayout, _ state: ModelState, _ successors: inout Successors
    ) {
        let forms = program.openForms[state.operation]
        for (number, site) in program.scenario.sites.enumerated() {
            guard let place = program.place(at: site.entry) else { continue }
            var next = state
            next[thread.site] = UInt8(number)
            next[thread.forms] = forms[number]
            next[thread.place] = UInt8(place)
            machine.branch(thread, in: &next)
            successors.add(Move(kind: .enter, thread: index, subject: number), next)
        }
    }

    private mutating func execute(
        _ index: Int, _ thread: ThreadLayout, _ state: ModelState, _ successors: inout Successors
    ) {
        fetches.removeAll(keepingCapacity: true)
        machine.fetch(at: Int(state[thread.place]), thread, in: state, into: &fetches)
        for fetch in fetches {
            let move = Move(
                kind: .execute, thread: index, subject: fetch.instruction ?? -1, isStale: fetch.isStale)
            guard let instruction = fetch.instruction else {
                if let violation = fetch.violation { successors.fail(move, violation) }
                continue
            }
            if fetch.isStale && !program.isPatching[state.operation] {
                successors.fail(move, outlived(at: program.places[Int(state[thread.place])].address, state))
                continue
            }
            execute(instruction, move, thread, fetch.state, &successors)
        }
    }

    /// What is executed though something else stands there, and no plan is under way.
    private func outlived(at address: UInt64, _ state: ModelState) -> Violation {
        if program.value(at: address, version: { machine.newest($0, in: state) }) == ModelProgram.freed {
            return Violation(.freedStub, "a thread runs on at \(hex(address)), in memory that was given back")
        }
        return Violation(.stale, "a thread at \(hex(address)) executes what was replaced, and the plan has ended")
    }

    private func execute(
        _ number: Int, _ move: Move, _ thread: ThreadLayout, _ state: ModelState, _ successors: inout Successors
    ) {
        let instruction = program.scenario.instructions[number]
        var state = state
        let left = state[thread.conditions] & 7
        guard left > 0 else { return act(instruction, move, thread, state, &successors) }
        let holds = state[thread.conditions] & 0x10 != 0
        var advanced = state
        advanced[thread.conditions] = left == 1 ? 0 : (state[thread.conditions] & 0xf0) >> 1 & 0xf0 | (left - 1)
        switch instruction.action {
        case .breakpoint:
            // The exception keeps the state of the block as it was before.
            return act(instruction, move, thread, state, &successors)
        case .body:
            return successors.fail(
                move,
                Violation(
                    .wrongEffect,
                    "the IT block reaches \(hex(instruction.address)) with a condition left: what follows has shifted"))
        case .undefined where !holds:
            var skipping = move
            skipping.kind = .skip
            follow(instruction.end, skipping, thread, advanced, &successors)
            return act(instruction, move, thread, state, &successors)
        default: state = advanced
        }
        if holds { return act(instruction, move, thread, state, &successors) }
        var skipping = move
        skipping.kind = .skip
        guard case .effect = instruction.action else {
            return follow(instruction.end, skipping, thread, state, &successors)
        }
        guard see(.skipped, skipping, thread, &state, &successors) else { return }
        follow(instruction.end, skipping, thread, state, &successors)
    }

    private func act(
        _ instruction: ModelInstruction, _ move: Move, _ thread: ThreadLayout, _ before: ModelState,
        _ successors: inout Successors
    ) {
        var state = before
        switch instruction.action {
        case .pass: follow(instruction.end, move, thread, state, &successors)
        case .effect(let effect):
            guard see(effect, move, thread, &state, &successors) else { return }
            follow(instruction.end, move, thread, state, &successors)
        case .jump(let target):
            machine.branch(thread, in: &state)
            follow(target, move, thread, state, &successors)
        case .enterStub(let body): enterStub(instruction, body, move, thread, state, &successors)
        case .leaveStub: leave(move, thread, state, &successors)
        case .body:
            guard state[thread.frame] != 0 else { return leave(move, thread, state, &successors) }
            state[thread.place] = state[thread.frame]
            state[thread.frame] = 0
            machine.branch(thread, in: &state)
            successors.add(move, state)
        case .breakpoint, .undefined:
            state[thread.standing] = state[thread.standing] & 0x80 | Standing.trapped
            machine.synchronise(thread, in: &state)
            successors.add(move, state)
        case .ifThen(let pattern): ifThen(instruction, pattern, move, thread, state, &successors)
        }
    }

    private func ifThen(
        _ instruction: ModelInstruction, _ pattern: [Bool], _ move: Move, _ thread: ThreadLayout,
        _ state: ModelState, _ successors: inout Successors
    ) {
        for base in [true, false] {
            var next = state
            var bits: UInt8 = 0
            for (slot, isThen) in pattern.prefix(4).enumerated() where isThen == base { bits |= 0x10 << UInt8(slot) }
            next[thread.conditions] = bits | UInt8(min(4, pattern.count))
            follow(instruction.end, move, thread, next, &successors)
        }
    }

    private func enterStub(
        _ instruction: ModelInstruction, _ body: UInt64, _ move: Move, _ thread: ThreadLayout, _ before: ModelState,
        _ successors: inout Successors
    ) {
        var state = before
        for address in program.scenario.stubData {
            if let cell = program.cellIndex[address], machine.newest(cell, in: state) > 0 { continue }
            return successors.fail(
                move, Violation(.dataNotSeen, "the stub at \(hex(instruction.address)) reads \(hex(address)) too early")
            )
        }
        guard see(.traced, move, thread, &state, &successors) else { return }
        state[thread.frame] = UInt8(program.place(at: instruction.end) ?? 0)
        machine.branch(thread, in: &state)
        follow(body, move, thread, state, &successors)
    }

    private func follow(
        _ address: UInt64, _ move: Move, _ thread: ThreadLayout, _ state: ModelState, _ successors: inout Successors
    ) {
        guard let place = program.place(at: address) else {
            return successors.fail(
                move, Violation(.resumedInside, "a thread goes on at \(hex(address)), where no instruction begins"))
        }
        var next = state
        next[thread.place] = UInt8(place)
        successors.add(move, next)
    }
}

/// What a visit shows, held against what its forms would.
extension Stepper {
    /// Notes an effect; false when no form of the site has it there.
    private func see(
        _ effect: Effect, _ move: Move, _ thread: ThreadLayout, _ state: inout ModelState,
        _ successors: inout Successors
    ) -> Bool {
        let site = program.scenario.sites[Int(state[thread.site])]
        var isAny = false
        for (form, effects) in site.effects.enumerated() {
            let place = progress(form, thread, state)
            let goesOn = place < effects.count && effects[place] == effect
            setProgress(form, goesOn ? place + 1 : 15, thread, &state)
            if goesOn { isAny = true }
        }
        if !isAny {
            successors.fail(
                move, Violation(.wrongEffect, "what a thread did at \(hex(site.entry)) is what neither form does"))
        }
        return isAny
    }

    private func progress(_ form: Int, _ thread: ThreadLayout, _ state: ModelState) -> Int {
        Int(state[thread.progress + form / 2] >> UInt8(4 * (form % 2)) & 15)
    }

    private func setProgress(_ form: Int, _ value: Int, _ thread: ThreadLayout, _ state: inout ModelState) {
        let shift = UInt8(4 * (form % 2))
        let index = thread.progress + form / 2
        state[index] = state[index] & ~(15 << shift) | UInt8(value) << shift
    }

    /// The visit ends: what it showed has to be a form that it may have met.
    private func leave(_ move: Move, _ thread: ThreadLayout, _ before: ModelState, _ successors: inout Successors) {
        var state = before
        let number = Int(state[thread.site])
        let site = program.scenario.sites[number]
        let seen = site.effects.indices.filter { progress($0, thread, state) == site.effects[$0].count }
        let may = seen.filter { state[thread.forms] & 1 << UInt8($0) != 0 }
        guard !may.isEmpty else {
            return successors.fail(
                move,
                !seen.isEmpty
                    ? Violation(
                        .stale, "a thread came to \(hex(site.entry)) when the plan had ended, and ran an earlier form")
                    : Violation(.wrongEffect, "what a thread did at \(hex(site.entry)) is what neither form does"))
        }
        var standing = state[thread.standing] & 0x80
        if program.scenario.assumesOrder {
            if number == 1, !may.contains(site.form) { standing = Standing.hasSeenSecond }
            if number == 0, standing != 0, may == [site.form] {
                return successors.fail(
                    move,
                    Violation(
                        .order, "a thread ran the new form of the second site, and then the old form of the first"))
            }
        }
        for index in thread.base..<thread.machine { state[index] = 0 }
        state[thread.standing] = standing
        machine.leave(thread, in: &state)
        successors.add(move, state)
    }

    /// The agent's handler: the plan that was published last knows where to go on, or what stands there by now is run.
    private func handle(
        _ index: Int, _ thread: ThreadLayout, _ state: ModelState, _ successors: inout Successors
    ) {
        let address = program.places[Int(state[thread.place])].address
        var move = Move(kind: .handle, thread: index, subject: Int(state[thread.place]))
        guard program.catches[state.operation] else {
            return successors.fail(
                move, Violation(.uncaught, "SIGTRAP at \(hex(address)), and no handler is there: the process dies"))
        }
        var next = state
        next[thread.standing] = state[thread.standing] & 0x80
        if let target = program.traps[state.operation][address] {
            guard let place = program.place(at: target) else {
                return successors.fail(
                    move,
                    Violation(
                        .resumedInside, "the handler sends a thread to \(hex(target)), where no instruction begins"))
            }
            next[thread.place] = UInt8(place)
            move.subject = place
        } else if isBreakpoint(at: address, state) {
            return successors.fail(
                move, Violation(.uncaught, "SIGTRAP at \(hex(address)), which no plan knows: the process dies"))
        }
        machine.synchronise(thread, in: &next)
        successors.add(move, next)
    }

    /// Whether a breakpoint stands there, as data reads see it.
    private func isBreakpoint(at address: UInt64, _ state: ModelState) -> Bool {
        program.scenario.instructions.contains { instruction in
            guard instruction.address == address, instruction.action == .breakpoint || instruction.action == .undefined
            else { return false }
            let present = program.value(at: address) { machine.newest($0, in: state) }
            return present == program.unit(0, of: instruction)
        }
    }
}
