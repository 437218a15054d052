/// Events of all threads with who reads from whom and in what order writes to a place come: one candidate execution.
struct Candidate: Sendable {
    var events: [LitmusEvent]
    /// By event: the write that a read or fetch reads from; -1 for others.
    var source: [Int]
    /// By event: a write's place in the order of the writes to its location; the initial one is 0.
    var coherence: [Int]
}

/// Holds one candidate execution against the axioms.
struct Axioms {
    let cacheType: CacheType
    let local: LocalOrder
    var omitted: Set<LocalOrder.Clause> = []

    /// How many orders of one execution's cache maintenance are tried.
    private static let choiceLimit = 20_000

    /// Nil when it is consistent; else the order it would need, which has a loop, or an empty one when it breaks a
    /// requirement that is no order.
    ///
    /// - Parameter accepts: what else is asked of the order of a consistent execution, which is closed.
    func violation(
        _ candidate: Candidate, accepting accepts: (EventRelation) -> Bool = { _ in true }
    ) throws(LitmusError) -> EventRelation? {
        guard isInternallyVisible(candidate), isAtomic(candidate) else { return EventRelation(count: 0) }
        var base = local.order
        observed(candidate, &base)
        var left = Self.choiceLimit
        return try choose(undecided(candidate)[...], [], candidate, base, accepts, &left)
    }

    /// Whether a fetch and a write of the same place come in no order, and one of them is of an instruction that must
    /// not be replaced while it may be fetched. What happens then is not known.
    ///
    /// A word that is undefined for good counts as replaceable: the model's published verdicts have such tests.
    /// Source: Arm ARM B2.2.5, concurrent modification and execution of instructions.
    func isUnpredictable(_ candidate: Candidate, _ order: EventRelation) -> Bool {
        let events = candidate.events
        func isSensitive(_ event: Int) -> Bool {
            if case .instruction(let instruction) = events[event].value { !instruction.isReplaceable } else { false }
        }
        return events.indices.contains { fetch in
            events[fetch].kind == .fetch
                && events.indices.contains { write in
                    events[write].kind == .write && !events[write].isInitial && local.sameLocation(fetch, write)
                        && (isSensitive(fetch) || isSensitive(write))
                        && !order.contains(fetch, write) && !order.contains(write, fetch)
                }
        }
    }

    // MARK: Who is before whom

    private func isBefore(_ read: Int, _ write: Int, _ candidate: Candidate) -> Bool {
        let events = candidate.events
        return events[write].kind == .write && local.sameLocation(read, write) && candidate.source[read] >= 0
            && candidate.coherence[candidate.source[read]] < candidate.coherence[write]
            && candidate.source[read] != write
    }

    /// Per place: program order, and what was seen, have no loop.
    private func isInternallyVisible(_ candidate: Candidate) -> Bool {
        let events = candidate.events
        var relation = EventRelation(count: events.count)
        for from in events.indices where events[from].isExplicit {
            for to in events.indices where events[to].isExplicit && local.sameLocation(from, to) && from != to {
                let isOrdered =
                    local.po(from, to) || isAtomicPair(from, to, candidate) || candidate.source[to] == from
                    || events[from].kind == .read && isBefore(from, to, candidate)
                    || events[from].kind == .write && events[to].kind == .write
                        && candidate.coherence[from] < candidate.coherence[to]
                if isOrdered { relation.insert(from, to) }
            }
        }
        return !relation.closed().hasLoop
    }

    private func isAtomicPair(_ read: Int, _ write: Int, _ candidate: Candidate) -> Bool {
        let events = candidate.events
        return events[read].thread == events[write].thread && events[read].instance == events[write].instance
            && events[read].kind == .read && events[write].kind == .write && !events[read].isInitial
    }

    /// Nobody else writes between the halves of an atomic.
    private func isAtomic(_ candidate: Candidate) -> Bool {
        let events = candidate.events
        for write in events.indices {
            guard let partner = events[write].partner else { continue }
            let start = events.firstIndex { $0.thread == events[write].thread } ?? 0
            let read = start + partner
            let isBroken = events.indices.contains { other in
                events[other].kind == .write && events[other].thread != events[write].thread
                    && isBefore(read, other, candidate) && candidate.coherence[other] < candidate.coherence[write]
            }
            if isBroken { return false }
        }
        return true
    }

    /// Observed-by, as far as nothing is left to choose.
    private func observed(_ candidate: Candidate, _ order: inout EventRelation) {
        let events = candidate.events
        for to in events.indices {
            if candidate.source[to] >= 0 {
                let from = candidate.source[to]
                if events[to].kind == .fetch {
                    if !omitted.contains(.fetchesRead) { order.insert(from, to) }
                } else if events[from].thread != events[to].thread {
                    order.insert(from, to)
                }
            }
            guard events[to].kind == .write else { continue }
            for from in events.indices where from != to {
                if events[from].kind == .read, isBefore(from, to, candidate) {
                    if events[from].thread != events[to].thread { order.insert(from, to) }
                    hazards(from, to, candidate, &order)
                }
                let isCoherent =
                    events[from].kind == .write && local.sameLocation(from, to)
                    && candidate.coherence[from] < candidate.coherence[to]
                if isCoherent && events[from].thread != events[to].thread { order.insert(from, to) }
                if cacheType == .dicIdc, events[from].kind == .fetch, isBefore(from, to, candidate) {
                    missed(from, to, candidate, &order)
                }
            }
        }
    }

    /// A read that is followed by another of the same place, which misses a write: the first one was earlier.
    private func hazards(_ read: Int, _ write: Int, _ candidate: Candidate, _ order: inout EventRelation) {
        let events = candidate.events
        guard events[read].thread != events[write].thread else { return }
        for earlier in events.indices
        where events[earlier].kind == .read && local.po(earlier, read) && local.sameLocation(earlier, read) {
            order.insert(earlier, write)
        }
    }

    /// With instruction caches that are coherent, a fetch that misses a write is before it, and so are earlier fetches.
    private func missed(_ fetch: Int, _ write: Int, _ candidate: Candidate, _ order: inout EventRelation) {
        if !omitted.contains(.missedWrite) { order.insert(fetch, write) }
        guard !omitted.contains(.fetchInOrder) else { return }
        for earlier in candidate.events.indices
        where candidate.events[earlier].kind == .fetch && local.po(earlier, fetch) { order.insert(earlier, write) }
    }

    // MARK: Choices: cleaning before or after a write, invalidation before or after a fetch

    private func undecided(_ candidate: Candidate) -> [(maintenance: Int, other: Int)] {
        var pairs: [(maintenance: Int, other: Int)] = []
        let events = candidate.events
        for maintenance in events.indices {
            switch events[maintenance].kind {
            case .clean:
                pairs += events.indices.filter { events[$0].kind == .write && local.sameLocation($0, maintenance) }
                    .map { (maintenance, $0) }
            case .invalidate where local.isCompleted(maintenance):
                pairs += events.indices.filter { events[$0].kind == .fetch && local.isSameLine(maintenance, $0) }
                    .map { (maintenance, $0) }
            default: break
            }
        }
        return pairs
    }

    /// Tries both ways of each pair; nil when one choice of all is consistent.
    ///
    /// - Parameter chosen: pairs in their order: what is first comes first.
    private func choose(
        _ pairs: ArraySlice<(maintenance: Int, other: Int)>, _ chosen: [(Int, Int)], _ candidate: Candidate,
        _ base: EventRelation, _ accepts: (EventRelation) -> Bool, _ left: inout Int
    ) throws(LitmusError) -> EventRelation? {
        left -= 1
        guard left > 0 else { throw LitmusError(what: "more than \(Self.choiceLimit) orders of cache maintenance") }
        let order = complete(chosen, candidate, base)
        let closed = order.closed()
        if closed.hasLoop { return order }
        guard let (maintenance, other) = pairs.first else { return accepts(closed) ? nil : order }
        let isFirst = local.order.contains(maintenance, other)
        let isLast = local.order.contains(other, maintenance) || candidate.events[other].isInitial
        var failed: EventRelation?
        if !isLast {
            let next = chosen + [(maintenance, other)]
            guard let loop = try choose(pairs.dropFirst(), next, candidate, base, accepts, &left) else { return nil }
            failed = loop
        }
        if !isFirst {
            let next = chosen + [(other, maintenance)]
            guard let loop = try choose(pairs.dropFirst(), next, candidate, base, accepts, &left) else { return nil }
            failed = failed ?? loop
        }
        return failed
    }

    /// The order with what follows from the choices.
    private func complete(_ chosen: [(Int, Int)], _ candidate: Candidate, _ base: EventRelation) -> EventRelation {
        var order = base
        let events = candidate.events
        for (from, to) in chosen {
            if events[from].kind == .clean || events[to].kind == .clean {
                if !omitted.contains(.cleanBeforeWrite) { order.insert(from, to) }
            } else if !omitted.contains(.invalidateAfterFetch) {
                order.insert(from, to)
            }
            if events[to].kind == .invalidate { fetchesInOrder(before: from, invalidate: to, candidate, &order) }
            guard events[from].kind == .invalidate, !omitted.contains(.missedWrite), cacheType != .dicIdc else {
                continue
            }
            // Fetched after the invalidation, and the write was missed all the same.
            for write in events.indices where isBefore(to, write, candidate) {
                if cacheType == .idc { order.insert(from, write) }
                for (first, clean) in chosen where first == write && events[clean].kind == .clean && cacheType == .none
                {
                    order.insert(from, clean)
                }
            }
        }
        return order
    }

    /// An invalidation after a fetch: earlier fetches of the thread are before what its barrier lets begin.
    private func fetchesInOrder(
        before fetch: Int, invalidate: Int, _ candidate: Candidate, _ order: inout EventRelation
    ) {
        guard !omitted.contains(.fetchInOrder) else { return }
        let later = local.behindSynchronisation(invalidate)
        for earlier in candidate.events.indices
        where candidate.events[earlier].kind == .fetch && local.po(earlier, fetch) {
            for event in later { order.insert(earlier, event) }
        }
    }
}
