import Patching

/// The patching side: operations in their order, and stores that become visible.
extension Stepper {
    func patch(_ state: ModelState, _ isAlone: Bool, _ successors: inout Successors) {
        for operation in machine.visibleNext(in: state) {
            var next = state
            machine.makeVisible(operation, in: &next)
            successors.add(Move(kind: .appear, subject: operation), next)
        }
        let index = state.operation
        guard index < program.operations.count, machine.isReady(index, in: state) else { return }
        if let violation = program.planViolation, violation.operation == index {
            return successors.fail(Move(kind: .patch, subject: index), violation.violation)
        }
        guard var next = perform(index, isAlone, state, &successors) else { return }
        next.operation = index + 1
        successors.add(Move(kind: .patch, subject: index), next)
    }

    /// Nil where it has to wait, or fails.
    private func perform(
        _ index: Int, _ isAlone: Bool, _ state: ModelState, _ successors: inout Successors
    ) -> ModelState? {
        var next = state
        switch program.operations[index].operation {
        case .begin(let plan):
            if program.plans[plan].patchProtocol == .exclusive, !areOutside(state) { return nil }
            widen(index, &next)
        case .park:
            return park(index, state, &successors)
        case .syncCores, .resume:
            // What they see from the next operation on.
            next.operation = index + 1
            for thread in threads { machine.synchronise(layout.thread(thread), in: &next) }
        case .release(let ranges, let looks, _):
            if looks && ranges.contains(where: { isInside($0, state) }) { return nil }
            machine.perform(index, isAlone: true, in: &next)
            next.operation = index + 1
            if looks { for thread in threads { machine.synchronise(layout.thread(thread), in: &next) } }
        case .end, .open, .close, .catchBreakpoints: break
        case .store, .clean, .invalidate: machine.perform(index, isAlone: isAlone, in: &next)
        }
        return next
    }

    private var threads: Range<Int> { 0..<layout.threadCount }

    private func areOutside(_ state: ModelState) -> Bool {
        threads.allSatisfy { state[layout.thread($0).place] == 0 }
    }

    /// Visits under way may meet the plan's new forms as well.
    private func widen(_ index: Int, _ state: inout ModelState) {
        let forms = program.openForms[index + 1]
        for thread in threads.map(layout.thread) where state[thread.place] != 0 {
            state[thread.forms] |= forms[Int(state[thread.site])]
        }
    }

    /// As the executor does it: nobody is inside a window afterwards, or it waits and tries again.
    private func park(_ index: Int, _ state: ModelState, _ successors: inout Successors) -> ModelState? {
        var next = state
        guard case .run(let plan, _, _) = program.scenario.actions[program.operations[index].action] else {
            return state
        }
        for thread in threads.map(layout.thread) where state[thread.place] != 0 {
            let address = standing(thread, state)
            guard let window = plan.windows.first(where: { $0.range.contains(address) }) else { continue }
            let isEntered = address == window.range.lowerBound && state[thread.frame] != 0
            guard let target = isEntered ? window.entered ?? address : window.target(of: address) else { return nil }
            if target == address { continue }
            guard let place = program.place(at: target) else {
                successors.fail(
                    Move(kind: .patch, subject: index),
                    Violation(
                        .resumedInside,
                        "a thread is moved from \(hex(address)) to \(hex(target)), where no instruction begins"))
                return nil
            }
            next[thread.place] = UInt8(place)
        }
        return next
    }

    /// Where the kernel says that a thread stands: on x86-64 behind a breakpoint that it hit, and on Arm at it.
    private func standing(_ thread: ThreadLayout, _ state: ModelState) -> UInt64 {
        let address = program.places[Int(state[thread.place])].address
        let hasTrapped = state[thread.standing] & 0x7f == Standing.trapped
        return hasTrapped && program.scenario.isa == .x86_64 ? address &+ 1 : address
    }

    private func isInside(_ range: Range<UInt64>, _ state: ModelState) -> Bool {
        threads.map(layout.thread).contains { thread in
            [state[thread.place], state[thread.frame]].contains {
                $0 != 0 && range.contains(program.places[Int($0)].address)
            }
        }
    }
}
