/// What a test's final condition is.
public enum LitmusVerdict: Sendable {
    /// The architecture allows an execution that satisfies it: one of them.
    case allowed(Witness)
    /// It allows none; nil when no execution could satisfy it in the first place, whatever the order.
    case forbidden(Witness?)
    /// What the test has that is not modelled.
    case unsupported(String)
}

/// Decides litmus tests of AArch64 with instruction fetch.
public enum Litmus {
    private static let candidateLimit = 400_000

    /// Reads a test and decides its final condition.
    ///
    /// - Parameter cacheType: nil for what the test asks for itself.
    public static func decide(_ text: String, cacheType: CacheType? = nil) -> (name: String, verdict: LitmusVerdict) {
        decide(text, cacheType: cacheType, omitting: [])
    }

    static func decide(
        _ text: String, cacheType: CacheType?, omitting omitted: Set<LocalOrder.Clause>
    ) -> (name: String, verdict: LitmusVerdict) {
        var name = LitmusReader.name(text)
        do {
            let test = try LitmusReader.read(text)
            name = test.name
            if let other = test.otherModel { return (name, .unsupported(other)) }
            var search = try Search(test, cacheType ?? test.cacheType, omitted, limit: candidateLimit)
            return (name, try search.run())
        } catch {
            return (name, .unsupported(error.what))
        }
    }
}

/// Tries candidate executions one after the other.
private struct Search {
    let test: LitmusTest
    let cacheType: CacheType
    let omitted: Set<LocalOrder.Clause>
    let limit: Int
    private var traces: [[LitmusTrace]] = []
    private var count = 0
    /// Those that satisfy the condition: only these are held against the axioms, which takes longer.
    private var heldCount = 0
    private static let heldLimit = 20_000
    private var example: Witness?

    init(
        _ test: LitmusTest, _ cacheType: CacheType, _ omitted: Set<LocalOrder.Clause>, limit: Int
    ) throws(LitmusError) {
        self.test = test
        self.cacheType = cacheType
        self.omitted = omitted
        self.limit = limit
        traces = try Self.traces(test)
    }

    /// All ways through the threads, when every place may hold whatever is ever written there.
    private static func traces(_ test: LitmusTest) throws(LitmusError) -> [[LitmusTrace]] {
        var values: [LitmusLocation: [LitmusValue]] = [:]
        for (name, value) in test.memory { values[.data(name)] = [value] }
        var written: Set<LitmusLocation> = []
        var round = 0
        while true {
            var found: [[LitmusTrace]] = []
            for thread in test.threads.indices {
                var runner = ThreadRunner(test, thread: thread, values: values, written: written)
                try runner.run()
                found.append(runner.traces)
            }
            let before = values
            for event in found.joined().flatMap(\.events) where event.kind == .write {
                guard let location = event.location else { continue }
                if values[location] == nil { values[location] = try initial(location, test) }
                values[location]?.append(event.value, ifNew: ())
                if case .code = location { written.insert(location) }
            }
            // In an execution each write happens once: no value is further from the beginning than there are writes.
            let longest = found.map { $0.map { $0.events.count { $0.kind == .write } }.max() ?? 0 }.reduce(0, +)
            round += 1
            if values == before || round > longest { return found }
            guard values.values.allSatisfy({ $0.count <= 12 }) else {
                throw LitmusError(what: "a place with more than 12 values")
            }
        }
    }

    private static func initial(_ location: LitmusLocation, _ test: LitmusTest) throws(LitmusError) -> [LitmusValue] {
        switch location {
        case .data(let name): return [test.memory[name] ?? .zero]
        case .code(let thread, let index):
            guard test.threads[thread].instructions.indices.contains(index) else {
                throw LitmusError(what: "a store behind the code of P\(thread)")
            }
            return [.instruction(test.threads[thread].instructions[index])]
        }
    }

    mutating func run() throws(LitmusError) -> LitmusVerdict {
        if let witness = try combine([]) { return .allowed(witness) }
        example?.candidateCount = count
        return .forbidden(example)
    }

    /// Chooses a way for each thread, as long as the condition can still hold.
    private mutating func combine(_ chosen: [LitmusTrace]) throws(LitmusError) -> Witness? {
        let holds = test.condition.holds(
            register: { thread, number in thread < chosen.count ? chosen[thread].registers[number] : nil },
            memory: { _ in nil }, faults: { $0 < chosen.count ? chosen[$0].faults : nil })
        if holds == false { return nil }
        guard chosen.count < test.threads.count else { return try execute(chosen) }
        for trace in traces[chosen.count] {
            if let witness = try combine(chosen + [trace]) { return witness }
        }
        return nil
    }

    private mutating func execute(_ chosen: [LitmusTrace]) throws(LitmusError) -> Witness? {
        var events: [LitmusEvent] = []
        let used = Set(chosen.flatMap(\.events).compactMap(\.location))
        for location in used.sorted(by: { $0.description < $1.description }) {
            let value = try Self.initial(location, test)[0]
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
        let local = LocalOrder(events, first: first, omitting: omitted)
        let axioms = Axioms(cacheType: cacheType, local: local, omitted: omitted)
        let reads = events.indices.filter { events[$0].kind == .read || events[$0].kind == .fetch }
        var candidate = Candidate(
            events: events, source: Array(repeating: -1, count: events.count),
            coherence: Array(repeating: 0, count: events.count))
        return try orderWrites(used.sorted { $0.description < $1.description }[...], reads, chosen, axioms, &candidate)
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
        {
            candidate.source[read] = write
            if let witness = try connect(reads.dropFirst(), chosen, axioms, &candidate) { return witness }
        }
        candidate.source[read] = -1
        return nil
    }

    private mutating func check(
        _ chosen: [LitmusTrace], _ axioms: Axioms, _ candidate: Candidate
    ) throws(LitmusError) -> Witness? {
        count += 1
        guard count <= limit else { throw LitmusError(what: "more than \(limit) candidate executions") }
        let holds = test.condition.holds(
            register: { chosen[$0].registers[$1] }, memory: { final($0, candidate) }, faults: { chosen[$0].faults })
        guard holds == true else { return nil }
        heldCount += 1
        guard heldCount <= Self.heldLimit else {
            throw LitmusError(what: "more than \(Self.heldLimit) candidate executions that satisfy the condition")
        }
        guard let violation = axioms.violation(candidate) else {
            return Witness(candidate, chosen, test, cycle: [], count: count)
        }
        if example == nil || example?.cycle.isEmpty ?? true {
            example = Witness(candidate, chosen, test, cycle: violation.cycle(), count: count)
        }
        return nil
    }

    private func final(_ name: String, _ candidate: Candidate) -> LitmusValue {
        let writes = candidate.events.indices.filter {
            candidate.events[$0].kind == .write && candidate.events[$0].location == .data(name)
        }
        let last = writes.max { candidate.coherence[$0] < candidate.coherence[$1] }
        return last.map { candidate.events[$0].value } ?? test.memory[name] ?? .zero
    }
}

extension Array where Element: Equatable {
    fileprivate mutating func append(_ element: Element, ifNew: Void) {
        if !contains(element) { append(element) }
    }
}
