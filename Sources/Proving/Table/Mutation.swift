import Patching

/// A proved scenario with one step of one of its plans left out, or put behind the next one.
public struct Mutation: Equatable, Sendable {
    public enum Change: Equatable, Hashable, Sendable {
        case drop
        case swap
    }

    public var change: Change
    /// Which of the scenario's actions, and which step of its plan.
    public var action: Int
    public var step: Int

    /// Every mutation of a scenario; steps that are equal are not swapped.
    public static func all(of scenario: Scenario) -> [Mutation] {
        scenario.actions.enumerated().flatMap { index, action -> [Mutation] in
            guard case .run(let plan, _, _) = action else { return [] }
            return plan.steps.indices.flatMap { step -> [Mutation] in
                let drop = Mutation(change: .drop, action: index, step: step)
                let isLast = step + 1 == plan.steps.count
                if isLast || plan.steps[step] == plan.steps[step + 1] { return [drop] }
                return [drop, Mutation(change: .swap, action: index, step: step)]
            }
        }
    }

    /// The scenario with the mutation in it.
    public func applied(to scenario: Scenario) -> Scenario {
        var mutant = scenario
        guard case .run(var plan, let becomes, let meanwhile) = scenario.actions[action] else { return scenario }
        switch change {
        case .drop: plan.steps.remove(at: step)
        case .swap: plan.steps.swapAt(step, step + 1)
        }
        mutant.actions[action] = .run(plan, becomes: becomes, meanwhile: meanwhile)
        return mutant
    }

    /// Which plan, which step, what was done to it.
    public func text(in scenario: Scenario) -> String {
        guard case .run(let plan, let becomes, _) = scenario.actions[action] else { return "" }
        let what = becomes.isEmpty ? "publication" : plan.patchProtocol.rawValue
        let first = Self.name(plan.steps[step])
        return change == .drop
            ? "\(what): drop \(first)" : "\(what): swap \(first) and \(Self.name(plan.steps[step + 1]))"
    }

    private static func name(_ step: PlanStep) -> String {
        switch step {
        case .store: "store"
        case .open: "open"
        case .close: "close"
        case .maintainCaches: "maintenance"
        case .syncCores: "sync"
        case .catchBreakpoints: "catch"
        case .park: "park"
        case .resume: "resume"
        }
    }
}
