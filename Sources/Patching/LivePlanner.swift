/// Plans changes of sites in a process whose threads run.
///
/// Decides everything first: a protocol a site, the cheapest sound one or the one that was asked
/// for; then one plan a protocol, its sites sorted, each phase one pass over all of them with a
/// sync behind it.
public struct LivePlanner: Sendable {
    public var environment: PatchEnvironment
    /// The protocol that was asked for; nil chooses the cheapest sound one.
    public var wanted: PatchProtocol?

    public init(environment: PatchEnvironment, wanted: PatchProtocol? = nil) {
        self.environment = environment
        self.wanted = wanted
    }

    /// What was decided on one site.
    public struct Decision: Equatable, Sendable {
        public var change: SiteChange
        /// Nil where no protocol is sound: the site stays as it is.
        public var patchProtocol: PatchProtocol?
        /// Why no cheaper one was taken, or why none is.
        public var reason: String?
    }

    public struct Outcome: Equatable, Sendable {
        /// At most one a protocol, in the order of the protocols.
        public var plans: [Plan] = []
        /// Sites that stay as they are.
        public var refused: [Decision] = []
        /// Reasons why a cheaper protocol was not taken, and for how many sites.
        public var reasons: [String: Int] = [:]
    }

    /// - Parameter code: what stands in memory now; whole aligned words around each window.
    ///
    /// Throws: `.outOfRange`, `.overlap`, `.unexpected`; nothing is planned then.
    public func plan(_ changes: [SiteChange], in code: CodeImage) throws(PlanError) -> Outcome {
        let sorted = changes.sorted { $0.address < $1.address }
        try Self.checkOverlap(sorted)
        var outcome = Outcome()
        var chosen: [PatchProtocol: [PlannedChange]] = [:]
        for change in sorted where change.from != change.to {
            let planned = try PlannedChange(change, in: code)
            guard let changed = planned.changed else { continue }
            let decision = decide(change, changed)
            if let reason = decision.reason { outcome.reasons[reason, default: 0] += 1 }
            if let patchProtocol = decision.patchProtocol {
                chosen[patchProtocol, default: []].append(planned)
            } else {
                outcome.refused.append(decision)
            }
        }
        for patchProtocol in PatchProtocol.allCases {
            guard let changes = chosen[patchProtocol] else { continue }
            outcome.plans.append(try PhaseWriter(code: code).plan(changes, by: patchProtocol))
        }
        return outcome
    }

    /// Chooses a protocol for a change of the bytes `changed` (offsets, first to last).
    func decide(_ change: SiteChange, _ changed: ClosedRange<Int>) -> Decision {
        var first: String?
        for patchProtocol in wanted.map({ [$0] }) ?? PatchRules.preference {
            guard
                let obstacle = PatchRules.obstacle(to: change, by: patchProtocol, changed: changed, environment)
            else { return Decision(change: change, patchProtocol: patchProtocol, reason: first) }
            first = first ?? "\(patchProtocol.rawValue) is not sound: \(obstacle)"
        }
        return Decision(change: change, patchProtocol: nil, reason: first)
    }

    private static func checkOverlap(_ sorted: [SiteChange]) throws(PlanError) {
        for (before, after) in zip(sorted, sorted.dropFirst()) where before.end > after.address {
            throw .overlap(before.address, after.address)
        }
    }
}

/// A change with the bytes that it makes differ.
struct PlannedChange {
    var change: SiteChange
    var old: [UInt8]
    var new: [UInt8]
    /// Offsets of the first and last byte that differ; nil when none does.
    var changed: ClosedRange<Int>?

    init(_ change: SiteChange, in code: CodeImage) throws(PlanError) {
        self.change = change
        if change.isToggle && change.site.isa == .x86_64 {
            // One byte, whatever the window: the usual case, and there may be a hundred thousand.
            guard let head = code.word(at: change.address, width: 1),
                head == UInt64(change.from == .on ? Sled.on : Sled.off)
            else { throw .unexpected(change.address) }
            old = [UInt8(truncatingIfNeeded: head)]
            new = [change.to == .on ? Sled.on : Sled.off]
            changed = 0...0
            return
        }
        new = try change.newBytes()
        guard let old = code.bytes(at: change.address, count: new.count) else { throw .unexpected(change.address) }
        if change.from == .original || change.site.isa != .x86_64, try old != change.oldBytes() {
            throw .unexpected(change.address)
        }
        self.old = old
        guard let first = new.indices.first(where: { old[$0] != new[$0] }),
            let last = new.indices.last(where: { old[$0] != new[$0] })
        else { return }
        changed = first...last
    }
}
