/// Tries candidate executions one after the other.
struct Search {
    let test: LitmusTest
    let cacheType: CacheType
    let omitted: Set<LocalOrder.Clause>
    let condition: LitmusCondition
    /// Whether branches to a register make control dependencies.
    var countsIndirect = true
    /// For executions whose outcome is not known, instead of all.
    var seeksUnpredictable = false
    /// For executions that were not followed to their end.
    var seeksCut = false
    /// Why one was not, if one was not.
    private(set) var gap: String?
    private static let candidateLimit = 400_000
    private var traces: [[LitmusTrace]] = []
    private var count = 0
    /// Those that satisfy the condition: only these are held against the axioms, which takes longer.
    private var heldCount = 0
    private static let heldLimit = 20_000
    private var example: Witness?

    init(
        _ test: LitmusTest, _ condition: LitmusCondition, _ cacheType: CacheType, _ omitted: Set<LocalOrder.Clause>
    ) throws(LitmusError) {
        self.test = test
        self.condition = condition
        self.cacheType = cacheType
        self.omitted = omitted
        (traces, gap) = try Self.traces(test)
    }

    /// All ways through the threads, when every place may hold whatever is ever written there.
    private static func traces(_ test: LitmusTest) throws(LitmusError) -> ([[LitmusTrace]], gap: String?) {
        var values = test.memory.mapValues { [$0] }
        var written: Set<LitmusLocation> = []
        var round = 0
        while true {
            var found: [[LitmusTrace]] = []
            var gap: String?
            for thread in test.threads.indices {
                var runner = ThreadRunner(test, thread: thread, values: values, written: written)
                try runner.run()
                found.append(runner.traces)
                gap = gap ?? runner.gap
            }
            let before = values
            for event in found.joined().flatMap(\.events) where event.kind == .write {
                guard let location = event.location else { continue }
                if values[location] == nil { values[location] = [try initial(location, test)] }
                values[location]?.append(event.value, ifNew: ())
                if case .code = location { written.insert(location) }
            }
            // In an execution each write happens once: no value is further from the beginning than there are writes.
            let longest = found.map { $0.map { $0.events.count { $0.kind == .write } }.max() ?? 0 }.reduce(0, +)
            round += 1
            if values == before || round > longest { return (found, gap) }
            guard values.values.allSatisfy({ $0.count <= 24 }) else {
                throw LitmusError(what: "a place with more than 24 values")
            }
        }
    }

    /// Whether code is written over that must not be while it may be executed, or such code is written.
    var replacesOthers: Bool {
        traces.joined().flatMap(\.events).contains { event in
            guard event.kind == .write || event.kind == .fetch, case .code = event.location,
                case .instruction(let instruction) = event.value
            else { return false }
            return !instruction.isReplaceable
        }
    }

    private static func initial(_ location: LitmusLocation, _ test: LitmusTest) throws(LitmusError) -> LitmusValue {
        guard let value = test.initial(location) else { throw LitmusError(what: "a store behind the code of a thread") }
        return value
    }

    mutating func run() throws(LitmusError) -> LitmusVerdict {
        if let witness = try combine([]) { return .allowed(witness) }
        example?.candidateCount = count
        return .forbidden(example)
    }

    /// Chooses a way for each thread, as long as the condition can still hold.
    private mutating func combine(_ chosen: [LitmusTrace]) throws(LitmusError) -> Witness? {
        let holds = condition.holds(
            register: { thread, number in thread < chosen.count ? chosen[thread].registers[number] : nil },
            memory: { _ in nil }, faults: { $0 < chosen.count ? chosen[$0].faults : nil })
        if holds == false { return nil }
        guard chosen.count < test.threads.count else { return try execute(chosen) }
        for trace in traces[chosen.count] where trace.isCut == seeksCut {
            if let witness = try combine(chosen + [trace]) { return witness }
        }
        return nil
    }

    private mutating func execute(_ chosen: [LitmusTrace]) throws(LitmusError) -> Witness? {
        var events: [LitmusEvent] = []
        let used = Set(chosen.flatMap(\.events).compactMap(\.location))
        for location in used.sorted(by: { $0.description < $1.description }) {
            let value = try Self.initial(location, test)
            events.append(
                LitmusEvent(kind: .write, thread: -1, instance: 0, location: location, value: value, text: "initially"))
        }
        var first: [Int: Int] = [:]
        for (thread, trace) in chosen.enumerated() {
            first[thread] = events.count
            events += trace.events
        }
        guard events.count <= 120 else { throw LitmusError(what: "more than 120 events") }
        try checkSizes(events)
        guard Self.isPossible(events) else { return nil }
        let local = LocalOrder(events, first: first, omitting: omitted, countsIndirect: countsIndirect)
        let axioms = Axioms(cacheType: cacheType, local: local, omitted: omitted)
        let reads = events.indices.filter { events[$0].kind == .read || events[$0].kind == .fetch }
        var candidate = Candidate(
            events: events, source: Array(repeating: -1, count: events.count),
            coherence: Array(repeating: 0, count: events.count))
        return try orderWrites(used.sorted { $0.description < $1.description }[...], reads, chosen, axioms, &candidate)
    }

    /// Whether what is read was written by someone: most ways through the threads don't fit each other.
    private static func isPossible(_ events: [LitmusEvent]) -> Bool {
        var written: [LitmusLocation: Set<LitmusValue>] = [:]
        for event in events where event.kind == .write {
            if let location = event.location { written[location, default: []].insert(event.value) }
        }
        return events.allSatisfy { event in
            guard event.kind == .read || event.kind == .fetch, let location = event.location else { return true }
            return written[location]?.contains(event.value) ?? false
        }
    }

    /// Accesses of different sizes to one place overlap in ways that this model has no words for.
    private func checkSizes(_ events: [LitmusEvent]) throws(LitmusError) {
        var sizes: [LitmusLocation: Bool] = [:]
        for event in events where event.isExplicit && !event.isInitial {
            guard let location = event.location else { continue }
            if let known = sizes[location], known != event.isWide {
                throw LitmusError(what: "accesses of 32 and of 64 bits to \(location)")
            }
            sizes[location] = event.isWide
        }
    }

    /// Every order of the writes to each place.
    private mutating func orderWrites(
        _ locations: ArraySlice<LitmusLocation>, _ reads: [Int], _ chosen: [LitmusTrace], _ axioms: Axioms,
        _ candidate: inout Candidate
    ) throws(LitmusError) -> Witness? {
        guard let location = locations.first else { return try connect(reads[...], chosen, axioms, &candidate) }
        let writes = candidate.events.indices.filter {
            candidate.events[$0].kind == .write && candidate.events[$0].location == location
                && !candidate.events[$0].isInitial
        }
        guard writes.count <= 6 else { throw LitmusError(what: "more than 6 writes to \(location)") }
        return try permute(writes, 1, locations.dropFirst(), reads, chosen, axioms, &candidate)
    }

    private mutating func permute(
        _ left: [Int], _ place: Int, _ locations: ArraySlice<LitmusLocation>, _ reads: [Int], _ chosen: [LitmusTrace],
        _ axioms: Axioms, _ candidate: inout Candidate
    ) throws(LitmusError) -> Witness? {
        if left.isEmpty { return try orderWrites(locations, reads, chosen, axioms, &candidate) }
        for write in left {
            // Within a thread the order is the program's.
            if left.contains(where: { axioms.local.po($0, write) }) { continue }
            candidate.coherence[write] = place
            let rest = left.filter { $0 != write }
            if let witness = try permute(rest, place + 1, locations, reads, chosen, axioms, &candidate) {
                return witness
            }
        }
        return nil
    }

    /// Every write that each read could read from.
    private mutating func connect(
        _ reads: ArraySlice<Int>, _ chosen: [LitmusTrace], _ axioms: Axioms, _ candidate: inout Candidate
    ) throws(LitmusError) -> Witness? {
        guard let read = reads.first else { return try check(chosen, axioms, candidate) }
        let events = candidate.events
        for write in events.indices
        where events[write].kind == .write && events[write].location == events[read].location
            && events[write].value == events[read].value && !axioms.local.po(read, write)
            && !isOverwritten(write, before: read, axioms, candidate)
        {
            candidate.source[read] = write
            if let witness = try connect(reads.dropFirst(), chosen, axioms, &candidate) { return witness }
        }
        candidate.source[read] = -1
        return nil
    }

    /// Whether the thread itself has written there since, which a read can't miss.
    private func isOverwritten(_ write: Int, before read: Int, _ axioms: Axioms, _ candidate: Candidate) -> Bool {
        candidate.events[read].kind == .read
            && candidate.events.indices.contains { own in
                candidate.events[own].kind == .write && axioms.local.po(own, read)
                    && axioms.local.sameLocation(own, read) && candidate.coherence[own] > candidate.coherence[write]
            }
    }

    private mutating func check(
        _ chosen: [LitmusTrace], _ axioms: Axioms, _ candidate: Candidate
    ) throws(LitmusError) -> Witness? {
        count += 1
        guard count <= Self.candidateLimit else {
            throw LitmusError(what: "more than \(Self.candidateLimit) candidate executions")
        }
        let holds = condition.holds(
            register: { chosen[$0].registers[$1] }, memory: { final($0, candidate) }, faults: { chosen[$0].faults })
        guard let holds else { throw LitmusError(what: "a final condition about numbers that the test does not say") }
        guard holds else { return nil }
        heldCount += 1
        guard heldCount <= Self.heldLimit else {
            throw LitmusError(what: "more than \(Self.heldLimit) candidate executions that satisfy the condition")
        }
        let violation = try axioms.violation(candidate) { order in
            !seeksUnpredictable || axioms.isUnpredictable(candidate, order)
        }
        guard let violation else {
            return Witness(candidate, chosen, test, cycle: [], count: count)
        }
        if example == nil || example?.cycle.isEmpty ?? true {
            example = Witness(candidate, chosen, test, cycle: violation.cycle(), count: count)
        }
        return nil
    }

    private func final(_ place: LitmusLocation, _ candidate: Candidate) -> LitmusValue {
        let writes = candidate.events.indices.filter {
            candidate.events[$0].kind == .write && candidate.events[$0].location == place
        }
        let last = writes.max { candidate.coherence[$0] < candidate.coherence[$1] }
        return last.map { candidate.events[$0].value } ?? test.initial(place) ?? .zero
    }
}

extension Array where Element: Equatable {
    fileprivate mutating func append(_ element: Element, ifNew: Void) {
        if !contains(element) { append(element) }
    }
}
