import MachineCode
import Patching
import TraceFormat

/// The live plans that switch an arena's sites off and on, laid out as `Bundle` says, with link-time addresses.
struct PreparedWindows {
    let off: [UInt64]
    let on: [UInt64]
    /// Sites that stay on, by the reason.
    let refused: [String: Int]

    init(_ request: PreparedArena.Request, _ assignments: [SiteAssignment]) throws {
        let first = try Self.plan(request, assignments, from: .on, to: .off)
        let second = try Self.plan(request, assignments, from: .off, to: .on)
        let kept = Set(first.refused.map(\.change.address)).union(second.refused.map(\.change.address))
        let rest = assignments.filter { !kept.contains($0.address) }
        off = try Self.words(Self.plan(request, rest, from: .on, to: .off), request)
        on = try Self.words(Self.plan(request, rest, from: .off, to: .on), request)
        var reasons: [String: Int] = [:]
        for decision in first.refused { reasons[decision.reason ?? "no protocol is sound", default: 0] += 1 }
        refused = reasons
    }

    private static func plan(
        _ request: PreparedArena.Request, _ assignments: [SiteAssignment], from: SiteForm, to: SiteForm
    ) throws -> LivePlanner.Outcome {
        let start = request.text.lowerBound
        guard var code = text(request) else {
            throw ControlError.badFile("\(request.image.path): its code can't be read")
        }
        for assignment in assignments {
            let bytes = try assignment.site.bytes(of: from, bias: request.base, stub: assignment.stub)
            let place = Int(assignment.site.address - start)
            code.replaceSubrange(place..<place + bytes.count, with: bytes)
        }
        // Threads are never stopped, and all Arm kernels of today have SYNC_CORE; the agent refuses where one has not.
        let environment = PatchEnvironment(vendor: .other, hasCoreSync: true, canStop: false)
        let changes = assignments.map {
            SiteChange(site: $0.site, bias: request.base, from: from, to: to, stub: $0.stub)
        }
        return try LivePlanner(environment: environment)
            .plan(changes, in: CodeImage(start: start &+ request.base, bytes: code))
    }

    /// Its pages; they may begin before the file's part of them, and end behind it.
    private static func text(_ request: PreparedArena.Request) -> [UInt8]? {
        guard let range = request.image.textRanges.first(where: { request.text.overlaps($0) }),
            let inner = request.image.code(at: range.lowerBound, count: range.count)
        else { return nil }
        let before = [UInt8](repeating: 0, count: Int(range.lowerBound - request.text.lowerBound))
        let behind = [UInt8](repeating: 0, count: Int(request.text.upperBound - range.upperBound))
        return before + inner + behind
    }

    /// Head and steps; empty when there is nothing to change.
    private static func words(_ outcome: LivePlanner.Outcome, _ request: PreparedArena.Request) throws -> [UInt64] {
        guard var plan = outcome.plans.first else { return [] }
        guard outcome.plans.count == 1, plan.traps.isEmpty else {
            throw ControlError.badFile("windows: the plan needs more than one protocol")
        }
        if request.windows?.storesTwice == true { plan = plan.storedTwice }
        let steps = PreparedArena.linkTime(PlanFile.words(plan), every: 4, at: 1, request.base)
        return [UInt64(plan.steps.count), 0, request.text.lowerBound, request.text.upperBound] + steps
    }
}
