import MachineCode

/// A shortest way to a violation: who did what, and what stood in memory.
public struct Counterexample: Equatable, Sendable {
    public enum Actor: Equatable, Hashable, Sendable {
        case patcher
        /// Executing threads, from 0.
        case thread(Int)
    }

    /// Bytes of a window at some moment.
    public struct Window: Equatable, Sendable {
        public var address: UInt64
        public var bytes: [UInt8]
    }

    public struct Step: Equatable, Sendable {
        /// What of a plan a step of the patching side is.
        enum Part: Equatable, Sendable { case begins, ends, store, appears, nothing, other }

        public var actor: Actor
        var part = Part.other
        /// What is done, in a few words.
        public var text: String
        /// What a thread executed is not what stands there any more.
        public var isStale: Bool
        /// Where the thread stands afterwards; nil outside, and for the patching side.
        public var place: UInt64?
        /// The sites' windows afterwards.
        public var windows: [Window]
    }

    public var isa: InstructionSet
    public var threadCount: Int
    /// The windows before anything happened.
    public var start: [Window]
    /// The last one is the one that must not happen.
    public var steps: [Step]
    public var violation: Violation
}

/// Writes down the moves of a path.
struct CounterexampleRecorder {
    private let program: ModelProgram
    private var steps: [Counterexample.Step] = []
    private var start: [Counterexample.Window]

    init(_ program: ModelProgram) {
        self.program = program
        start = []
        start = windows { _ in 0 }
    }

    func finish(_ violation: Violation) -> Counterexample {
        var steps = steps
        if let executed = violation.executed, let last = steps.indices.last { steps[last].text = executed }
        return Counterexample(
            isa: program.scenario.isa, threadCount: program.scenario.threadCount, start: start, steps: steps,
            violation: violation)
    }

    /// - Parameter versions: the newest version of each cell afterwards.
    /// - Parameter place: where the thread stands afterwards.
    mutating func record(_ move: Move, place: Int?, versions: (Int) -> Int) {
        let isPatcher = move.kind == .patch || move.kind == .appear
        steps.append(
            Counterexample.Step(
                actor: isPatcher ? .patcher : .thread(move.thread), part: part(move), text: text(move),
                isStale: move.isStale,
                place: isPatcher ? nil : place.flatMap { $0 == 0 ? nil : program.places[$0].address },
                windows: windows(versions)))
    }

    private func windows(_ versions: (Int) -> Int) -> [Counterexample.Window] {
        program.scenario.sites.map { site in
            let unit = UInt64(program.unit)
            let bytes = stride(from: site.window.lowerBound, to: site.window.upperBound, by: program.unit).flatMap {
                at in
                let value = program.value(at: at, version: versions) ?? 0
                return (0..<unit).map { UInt8(truncatingIfNeeded: value >> UInt32(8 * $0)) }
            }
            return Counterexample.Window(address: site.window.lowerBound, bytes: bytes)
        }
    }

    private func part(_ move: Move) -> Counterexample.Step.Part {
        if move.kind == .appear { return .appears }
        guard move.kind == .patch else { return .other }
        switch program.operations[move.subject].operation {
        case .begin: return .begins
        case .end: return .ends
        case .store: return .store
        case .clean, .invalidate: return program.scenario.isa == .x86_64 ? .nothing : .other
        default: return .other
        }
    }

    private func text(_ move: Move) -> String {
        switch move.kind {
        case .patch: operation(program.operations[move.subject])
        case .appear: "the others see: " + operation(program.operations[move.subject])
        case .enter: "calls the function at \(hex(program.scenario.sites[move.subject].entry))"
        case .execute: executed(move.subject)
        case .skip: "condition fails, skips: \(executed(move.subject))"
        case .handle: "trap handler: goes on at \(hex(program.places[move.subject].address))"
        case .catchUp: "fetches ahead"
        }
    }

    private func executed(_ instruction: Int) -> String {
        guard instruction >= 0 else { return "executes what it fetched" }
        let instruction = program.scenario.instructions[instruction]
        return "\(hex(instruction.address)): \(instruction.text)"
    }

    private func operation(_ placed: PlacedOperation) -> String {
        switch placed.operation {
        case .begin: name(placed.action).begin
        case .end: name(placed.action).end
        case .open: "makes the text writable"
        case .close: "makes the text executable only"
        case .catchBreakpoints: "installs the handler of SIGTRAP"
        case .store: store(placed)
        case .clean: "DC CVAU; DSB"
        case .invalidate: "IC IVAU; DSB"
        case .syncCores: "membarrier: every core synchronises"
        case .park: "stops every thread, moves those inside a window"
        case .resume: "lets all threads go on"
        case .release(let ranges, let looks, _):
            "frees the stub at \(hex(ranges[0].lowerBound))" + (looks ? ", nobody being inside" : " without looking")
        }
    }

    private func name(_ action: Int) -> (begin: String, end: String) {
        guard case .run(let plan, let becomes, _) = program.scenario.actions[action] else { return ("", "") }
        guard !becomes.isEmpty else { return ("writes the stub and its data:", "the stub is written") }
        let count = program.scenario.actions[...action].count {
            if case .run(_, let b, _) = $0 { !b.isEmpty } else { false }
        }
        return ("begins plan \(count), \(plan.patchProtocol.rawValue):", "plan \(count) is done")
    }

    private func store(_ placed: PlacedOperation) -> String {
        guard case .run(let plan, _, _) = program.scenario.actions[placed.action], let step = placed.step,
            case .store(let address, let width, let value, let expected) = plan.steps[step]
        else { return "stores" }
        return "stores at \(hex(address)): \(digits(expected, width)) -> \(digits(value, width))"
    }

    private func digits(_ value: UInt64, _ width: Int) -> String {
        (0..<width).map { index in
            twoDigits(UInt8(truncatingIfNeeded: value >> UInt64(8 * index)))
        }.joined(separator: " ")
    }
}
