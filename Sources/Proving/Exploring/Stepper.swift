import Patching

/// Says what can happen next in a state, and which of it must not.
struct Stepper<Machine: MachineModel> {
    let program: ModelProgram
    var machine: Machine
    let layout: StateLayout
    /// Which reductions are used; all of them keep the verdict.
    let reductions: Reductions
    var fetches: [Fetch] = []

    init(_ program: ModelProgram, _ reductions: Reductions) throws(ModelError) {
        self.program = program
        self.reductions = reductions
        machine = try Machine(program)
        layout = StateLayout(
            threadCount: program.scenario.threadCount, machineByteCount: machine.byteCount,
            machineThreadByteCount: machine.threadByteCount)
        guard layout.byteCount <= ModelState.maxByteCount, program.places.count < 256,
            program.scenario.sites.count < 256
        else { throw .tooLarge("a state of \(layout.byteCount) bytes") }
    }

    mutating func successors(of state: ModelState, into successors: inout Successors) {
        successors.clear()
        let isAlone = program.isAlone[state.operation]
        if reductions.partialOrder && commutes(state.operation) { return patch(state, isAlone, &successors) }
        if !isAlone {
            if reductions.partialOrder, let thread = aboutToLeave(state) { return step(thread, state, &successors) }
            let isDone = state.operation == program.operations.count && machine.visibleNext(in: state).isEmpty
            for thread in 0..<layout.threadCount {
                let present = reductions.partialOrder && isDone ? following(thread, state) : state
                step(thread, present, &successors)
            }
        }
        patch(state, isAlone, &successors)
    }

    /// A thread in a body that returns to the function's caller. It concerns nobody else, and what it may have met only
    /// grows with time: if what it showed is wrong, it is wrong now.
    private func aboutToLeave(_ state: ModelState) -> Int? {
        (0..<layout.threadCount).first { index in
            let thread = layout.thread(index)
            return program.isBody[Int(state[thread.place])] && state[thread.frame] == 0
                && state[thread.conditions] == 0 && state[thread.standing] & 0x7f == Standing.runs
        }
    }

    /// Whether an operation's order with whatever threads do can't matter.
    private func commutes(_ operation: Int) -> Bool {
        guard operation < program.operations.count, program.planViolation?.operation != operation else { return false }
        switch program.operations[operation].operation {
        case .open, .close: return true
        default: return false
        }
    }

    /// Threads meet in the patching side only: when that is done, each goes its way.
    private func following(_ thread: Int, _ state: ModelState) -> ModelState {
        guard state[layout.thread(thread).standing] & 0x7f != Standing.retired else { return state }
        var next = state
        for other in 0..<layout.threadCount where other != thread {
            let other = layout.thread(other)
            for index in other.base..<other.base + layout.threadByteCount { next[index] = 0 }
            next[other.standing] = Standing.retired
        }
        return next
    }
}

/// What the explorer may leave out, because it can make no difference.
public struct Reductions: Equatable, Sendable {
    /// Threads that are alike may change places.
    public var symmetry = true
    /// What commutes with everything else is done at once and alone; once the patching side is done, threads are
    /// followed one by one.
    public var partialOrder = true

    public init(symmetry: Bool = true, partialOrder: Bool = true) {
        self.symmetry = symmetry
        self.partialOrder = partialOrder
    }
}
