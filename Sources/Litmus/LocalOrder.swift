/// The order that hardware keeps within a thread, whatever the others do: *locally hardware-required ordered before*.
///
/// Source: the Arm memory model (Arm ARM B2.3, and its published executable form), with instruction fetch by
/// Simner et al., "ARMv8-A system semantics: instruction fetch in relaxed architectures", ESOP 2020. Each function is a
/// named clause of it.
struct LocalOrder {
    private let events: [LitmusEvent]
    /// By thread: the number of its first event.
    private let first: [Int: Int]
    /// Which clauses are left out; only tests do that, to see that each matters.
    private let omitted: Set<Clause>
    private(set) var order: EventRelation

    /// The clauses about fetching, by name.
    enum Clause: String, CaseIterable, Sendable {
        case fetchBeforeLater, synchronisation, barrierForMaintenance, sameLineMaintenance
        case fetchesRead, invalidateAfterFetch, cleanBeforeWrite, missedWrite, fetchInOrder
    }

    /// - Parameter countsIndirect: whether BR, BLR and RET are branches in the sense of control dependencies. They are
    ///   in newer published versions of the model, and not in older ones.
    init(
        _ events: [LitmusEvent], first: [Int: Int], omitting omitted: Set<Clause> = [], countsIndirect: Bool = true
    ) {
        self.events = countsIndirect ? events.map(\.withIndirectControl) : events
        self.first = first
        self.omitted = omitted
        order = EventRelation(count: events.count)
        let local = locallyOrdered().closed()
        for (from, to) in pairs(by: local) where events[from].isExplicit && events[to].isExplicit {
            order.insert(from, to)
        }
        pickThenLocal(local)
        maintenance()
        fetching()
        let synchronised = synchronisedByBarriers()
        order.formUnion(synchronised)
        if !omitted.contains(.synchronisation) { contextSynchronised(synchronised) }
        order = order.closed()
    }

    private func pairs(by relation: EventRelation) -> [(Int, Int)] {
        events.indices.flatMap { from in events.indices.filter { relation.contains(from, $0) }.map { (from, $0) } }
    }

    /// Program order, between instructions.
    func po(_ from: Int, _ to: Int) -> Bool {
        events[from].thread == events[to].thread && !events[from].isInitial
            && events[from].instance < events[to].instance
    }

    private func isSameInstruction(_ a: Int, _ b: Int) -> Bool {
        events[a].thread == events[b].thread && !events[a].isInitial && events[a].instance == events[b].instance
    }

    func sameLocation(_ a: Int, _ b: Int) -> Bool {
        events[a].location != nil && events[a].location == events[b].location
    }

    /// Whether maintenance is about the place of another event. Each place has a cache line of its own.
    func isSameLine(_ maintenance: Int, _ other: Int) -> Bool {
        sameLocation(maintenance, other)
            || events[maintenance].kind == .invalidate && events[maintenance].location == nil
    }

    /// Whether a barrier of a kind stands between.
    private func between(_ from: Int, _ to: Int, _ matches: (LitmusEvent.Kind) -> Bool) -> Bool {
        events.indices.contains { matches(events[$0].kind) && po(from, $0) && po($0, to) }
    }

    private func isFull(_ kind: LitmusEvent.Kind) -> Bool {
        if case .barrier(.full, _) = kind { true } else { false }
    }

    private func isFullSynchronisation(_ kind: LitmusEvent.Kind) -> Bool {
        kind == .barrier(.full, isSynchronisation: true)
    }

    /// Those of a thread's reads that a set of dependencies names.
    private func sources(_ bits: UInt64, of event: Int) -> [Int] {
        guard bits != 0, let start = first[events[event].thread] else { return [] }
        return (0..<64).filter { bits >> UInt64($0) & 1 == 1 }.map { start + $0 }
    }

    /// The read that follows a write at the same place, without another write between: it may be forwarded to.
    private func localReadSuccessors(_ write: Int) -> [Int] {
        events.indices.filter { read in
            events[read].kind == .read && po(write, read) && sameLocation(write, read)
                && !events.indices.contains {
                    events[$0].kind == .write && sameLocation(write, $0) && po(write, $0) && po($0, read)
                }
        }
    }
}

/// Explicit accesses among each other.
extension LocalOrder {
    private func locallyOrdered() -> EventRelation {
        var order = EventRelation(count: events.count)
        for event in events.indices where !events[event].isInitial {
            dependencies(event, &order)
            picks(event, &order)
            barriers(event, &order)
            atomics(event, &order)
            if events[event].kind == .write {
                for earlier in events.indices
                where events[earlier].isExplicit && po(earlier, event) && sameLocation(earlier, event) {
                    order.insert(earlier, event)
                }
            }
        }
        return order
    }

    /// Dependency-ordered-before.
    private func dependencies(_ event: Int, _ order: inout EventRelation) {
        let (kind, address) = (events[event].kind, events[event].address.plain)
        if events[event].isExplicit {
            for read in sources(address, of: event) {
                order.insert(read, event)
                for later in events.indices where po(event, later) && events[later].kind == .write {
                    order.insert(read, later)
                }
            }
        }
        guard kind == .write else { return }
        for read in sources(events[event].data.plain | events[event].control.plain, of: event) {
            order.insert(read, event)
        }
        for read in sources(events[event].data.plain | address, of: event) {
            for later in localReadSuccessors(event) { order.insert(read, later) }
        }
    }

    /// Pick-ordered-before: through the choice of a conditional select.
    private func picks(_ event: Int, _ order: inout EventRelation) {
        let (address, control) = (events[event].address.pick, events[event].control.pick)
        if events[event].kind == .write {
            for read in sources(address | events[event].data.pick | control, of: event) { order.insert(read, event) }
        }
        guard events[event].isExplicit else { return }
        for read in sources(address, of: event) {
            for later in events.indices where po(event, later) && events[later].kind == .write {
                order.insert(read, later)
            }
        }
    }

    private func isAccess(_ event: Int) -> Bool { events[event].isExplicit || events[event].kind == .fetch }

    private mutating func pickThenLocal(_ local: EventRelation) {
        for event in events.indices {
            let all = events[event].address.pick | events[event].data.pick | events[event].control.pick
            for read in sources(all, of: event) {
                for write in events.indices where events[write].kind == .write && local.contains(event, write) {
                    order.insert(read, write)
                }
            }
        }
    }

    /// Barrier-ordered-before.
    private func barriers(_ from: Int, _ order: inout EventRelation) {
        let event = events[from]
        let isRead = event.kind == .read || event.kind == .fetch
        for to in events.indices where po(from, to) {
            let later = events[to]
            let isOrdered =
                event.isAcquire || event.isAcquirePC || later.isRelease || event.isRelease && later.isAcquire
                || between(from, to, isFull)
                || isRead && !event.hasNoResult
                    && between(from, to) { if case .barrier(.load, _) = $0 { true } else { false } }
                || event.kind == .write && later.kind == .write
                    && between(from, to) { if case .barrier(.store, _) = $0 { true } else { false } }
                || isWholeAtomic(from)
            if isOrdered { order.insert(from, to) }
        }
    }

    /// The write of an atomic that acquires and releases.
    private func isWholeAtomic(_ event: Int) -> Bool {
        guard let partner = events[event].partner, let start = first[events[event].thread], events[event].isRelease
        else {
            return false
        }
        return events[start + partner].isAcquire && isSameInstruction(start + partner, event)
    }

    /// Atomic-ordered-before.
    private func atomics(_ event: Int, _ order: inout EventRelation) {
        guard let partner = events[event].partner, let start = first[events[event].thread] else { return }
        order.insert(start + partner, event)
        for later in localReadSuccessors(event) where events[later].isAcquire || events[later].isAcquirePC {
            order.insert(start + partner, later)
        }
    }
}

/// Fetching, barriers that synchronise, cache maintenance.
extension LocalOrder {
    /// An instruction is fetched before it does anything, and before what later ones do; fetches among each other have no
    /// order.
    private mutating func fetching() {
        guard !omitted.contains(.fetchBeforeLater) else { return }
        for fetch in events.indices where events[fetch].kind == .fetch {
            for other in events.indices
            where events[other].kind != .fetch && (po(fetch, other) || isSameInstruction(fetch, other)) {
                order.insert(fetch, other)
            }
        }
    }

    /// DSB: what is before it is done before anything after it but fetches.
    private func synchronisedByBarriers() -> EventRelation {
        var relation = EventRelation(count: events.count)
        for barrier in events.indices {
            guard case .barrier(let scope, isSynchronisation: true) = events[barrier].kind else { continue }
            for from in events.indices where po(from, barrier) {
                let kind = events[from].kind
                let isWaitedFor =
                    switch scope {
                    case .full: isAccess(from) || kind == .clean || kind == .invalidate
                    case .load: kind == .read && !events[from].hasNoResult
                    case .store: kind == .write
                    }
                guard isWaitedFor else { continue }
                for to in events.indices where po(barrier, to) && events[to].kind != .fetch {
                    relation.insert(from, to)
                }
            }
        }
        return relation
    }

    /// ISB, and exceptions: what they wait for is done before anything after them, fetches included.
    private mutating func contextSynchronised(_ synchronised: EventRelation) {
        for event in events.indices where events[event].kind == .synchronise {
            let control = events[event].control
            var before = sources(control.plain | control.pick, of: event)
            before += events.indices.filter { synchronised.contains($0, event) }
            // A read whose value an access's address was made from.
            for access in events.indices where events[access].isExplicit && po(access, event) {
                let address = events[access].address
                before += sources(address.plain | address.pick, of: access)
            }
            for from in before {
                for to in events.indices where po(event, to) { order.insert(from, to) }
            }
        }
    }

    private mutating func maintenance() {
        for event in events.indices where events[event].kind == .clean || events[event].kind == .invalidate {
            let all = events[event].address | events[event].control
            for read in sources(all.plain | all.pick, of: event) { order.insert(read, event) }
        }
        for clean in events.indices where events[clean].kind == .clean {
            for other in events.indices where events[other].isExplicit || events[other].kind == .clean {
                let isSameLine = sameLocation(clean, other) && !omitted.contains(.sameLineMaintenance)
                if po(clean, other), isSameLine || hasBarrier(clean, other) { order.insert(clean, other) }
                if po(other, clean), isSameLine || hasBarrier(other, clean) { order.insert(other, clean) }
            }
        }
    }

    private func hasBarrier(_ from: Int, _ to: Int) -> Bool {
        !omitted.contains(.barrierForMaintenance) && between(from, to, isFull)
    }

    /// What a full DSB behind an invalidation lets begin: everything behind it but fetches.
    func behindSynchronisation(_ invalidate: Int) -> [Int] {
        events.indices.filter { later in
            events[later].kind != .fetch && between(invalidate, later, isFullSynchronisation)
        }
    }

    /// Whether a full DSB follows at all: without one the invalidation is never known to be done.
    func isCompleted(_ invalidate: Int) -> Bool {
        events.indices.contains { isFullSynchronisation(events[$0].kind) && po(invalidate, $0) }
    }
}
