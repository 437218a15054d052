import Patching
import TraceFormat

/// A plan as the agent reads it: head, steps, traps, in one memfd (see `Bundle`).
struct PlanFile {
    let descriptor: Int32

    /// - Parameter text: the pages that the plan writes to, runtime addresses.
    init(_ plan: Plan, text: Range<UInt64>) throws(ControlError) {
        let head = [UInt64(plan.steps.count), UInt64(plan.traps.count), text.lowerBound, text.upperBound]
        descriptor = try MemoryFile.make("nopal-plan", [head + PlanFile.words(plan) + PlanFile.traps(plan)])
    }

    /// The steps, four words each.
    static func words(_ plan: Plan) -> [UInt64] {
        var words: [UInt64] = []
        words.reserveCapacity((plan.steps.count * Bundle.stepByteCount + plan.traps.count * Bundle.trapByteCount) / 8)
        var stored: Set<UInt64> = []
        for step in plan.steps {
            switch step {
            case .store(let address, let width, let value, let expected):
                // Between two passes, what stands there is the plan's own.
                let kind = stored.insert(address).inserted ? StepKind.store : StepKind.storeAgain
                words.append(UInt64(kind.rawValue) | UInt64(width) << 32)
                words.append(address)
                words.append(value)
                words.append(expected)
            default:
                guard let kind = kind(of: step) else { preconditionFailure("the agent stops nobody") }
                words.append(UInt64(kind.rawValue))
                words.append(contentsOf: [0, 0, 0])
            }
        }
        return words
    }

    private static func traps(_ plan: Plan) -> [UInt64] { plan.traps.flatMap { [$0.address, $0.target] } }

    private static func kind(of step: PlanStep) -> StepKind? {
        switch step {
        case .open: .open
        case .close: .close
        case .maintainCaches: .maintainCaches
        case .syncCores: .syncCores
        case .catchBreakpoints: .catchBreakpoints
        case .park, .resume, .store: nil
        }
    }
}
