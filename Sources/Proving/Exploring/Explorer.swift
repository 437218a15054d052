import MachineCode

/// What exploring a scenario came to.
public struct Exploration: Sendable {
    public var stateCount: Int
    public var transitionCount: Int
    public var byteCount: Int
    /// Nil when the scenario is safe.
    public var counterexample: Counterexample?

    public var isSafe: Bool { counterexample == nil }
}

extension Scenario {
    /// Explores every interleaving and every fetch that the architecture allows, breadth first: a counterexample
    /// is a shortest one.
    ///
    /// - Parameter stateLimit: at most so many states are kept, about 100 bytes each.
    /// Throws: `.tooLarge` when the scenario does not fit the checker, `.exhausted` past the limit.
    public func explore(
        _ reductions: Reductions = Reductions(), stateLimit: Int = 10_000_000
    ) throws(ModelError) -> Exploration {
        let program = ModelProgram(self)
        switch isa {
        case .x86_64: return try Explorer<X86Machine>.run(program, reductions, stateLimit)
        case .a64: return try Explorer<A64Machine>.run(program, reductions, stateLimit)
        case .a32: return try Explorer<A32Machine>.run(program, reductions, stateLimit)
        case .t32: return try Explorer<T32Machine>.run(program, reductions, stateLimit)
        }
    }
}

/// A breadth-first search over the states of a scenario.
struct Explorer<Machine: MachineModel> {
    private var stepper: Stepper<Machine>
    private var table: StateTable
    private var successors = Successors()
    private var transitionCount = 0

    init(_ program: ModelProgram, _ reductions: Reductions) throws(ModelError) {
        stepper = try Stepper(program, reductions)
        table = StateTable(wordCount: stepper.layout.wordCount)
    }

    static func run(
        _ program: ModelProgram, _ reductions: Reductions, _ stateLimit: Int
    ) throws(ModelError) -> Exploration {
        var explorer = try Explorer(program, reductions)
        return try explorer.run(stateLimit)
    }

    private mutating func run(_ stateLimit: Int) throws(ModelError) -> Exploration {
        _ = table.insert(ModelState(), parent: 0)
        var next = 0
        while next < table.count {
            stepper.successors(of: table.state(next), into: &successors)
            transitionCount += successors.moves.count
            if let failure = successors.failure { return result(retrace(next, failure)) }
            for state in successors.states { _ = table.insert(canonical(state).state, parent: next) }
            next += 1
            guard table.count <= stateLimit else { throw .exhausted(table.count) }
        }
        return result(nil)
    }

    private func result(_ counterexample: Counterexample?) -> Exploration {
        Exploration(
            stateCount: table.count, transitionCount: transitionCount, byteCount: table.byteCount,
            counterexample: counterexample)
    }

    /// Threads in the order of what they are up to, and where each was before.
    private func canonical(_ state: ModelState) -> (state: ModelState, order: [Int]) {
        let layout = stepper.layout
        var order = Array(0..<layout.threadCount)
        guard stepper.reductions.symmetry, layout.threadCount > 1 else { return (state, order) }
        if (1..<layout.threadCount).allSatisfy({ !isBefore($0, $0 - 1, state) }) { return (state, order) }
        order.sort { isBefore($0, $1, state) || (!isBefore($1, $0, state) && $0 < $1) }
        var sorted = state
        for (index, old) in order.enumerated() {
            let (to, from) = (layout.thread(index).base, layout.thread(old).base)
            for offset in 0..<layout.threadByteCount { sorted[to + offset] = state[from + offset] }
        }
        return (sorted, order)
    }

    private func isBefore(_ a: Int, _ b: Int, _ state: ModelState) -> Bool {
        let (first, second) = (stepper.layout.thread(a).base, stepper.layout.thread(b).base)
        for offset in 0..<stepper.layout.threadByteCount where state[first + offset] != state[second + offset] {
            return state[first + offset] < state[second + offset]
        }
        return false
    }

    /// The way from the beginning to a state, and the move that fails there; threads keep their names.
    private mutating func retrace(_ last: Int, _ failure: (move: Move, violation: Violation)) -> Counterexample {
        var path = [last]
        while let index = path.last, index != 0 { path.append(Int(table.parents[index])) }
        path.reverse()
        var names = Array(0..<stepper.layout.threadCount)
        var recorder = CounterexampleRecorder(stepper.program)
        for (from, to) in zip(path, path.dropFirst()) {
            let (before, after) = (table.state(from), to)
            stepper.successors(of: before, into: &successors)
            for (move, state) in zip(successors.moves, successors.states) {
                let (sorted, order) = canonical(state)
                guard table.index(of: sorted) == after else { continue }
                record(move, names, before, state, &recorder)
                names = order.map { names[$0] }
                break
            }
        }
        record(failure.move, names, table.state(last), nil, &recorder)
        return recorder.finish(failure.violation)
    }

    private func record(
        _ move: Move, _ names: [Int], _ before: ModelState, _ after: ModelState?,
        _ recorder: inout CounterexampleRecorder
    ) {
        var named = move
        if move.thread < names.count { named.thread = names[move.thread] }
        let end = after ?? before
        let machine = stepper.machine
        recorder.record(named, place: Int(end[stepper.layout.thread(move.thread).place])) {
            machine.newest($0, in: end)
        }
    }
}
