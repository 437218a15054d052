/// An execution that satisfies a final condition: one that is allowed, or one of those that are not, with the reason.
public struct Witness: Sendable, CustomStringConvertible {
    private let candidate: Candidate
    private let registers: [[LitmusValue]]
    /// Events that would have to come before each other in a circle; empty when the execution is allowed.
    let cycle: [Int]
    /// How many candidate executions were looked at.
    public internal(set) var candidateCount: Int

    /// Of a `forall`: whether every execution satisfies the condition.
    public internal(set) var isRequired: Bool?

    /// What code's places are called in the test.
    private var labels: [LitmusLocation: String] = [:]

    init(_ candidate: Candidate, _ traces: [LitmusTrace], _ test: LitmusTest, cycle: [Int], count: Int) {
        for (thread, code) in test.threads.enumerated() {
            for (label, index) in code.labels { labels[.code(thread: thread, index: index)] = "P\(thread):\(label)" }
        }
        self.candidate = candidate
        registers = traces.map(\.registers)
        self.cycle = cycle
        candidateCount = count
    }

    /// Thread by thread, each event with what it read from; then the circle, if there is one.
    public var description: String {
        var lines: [String] = []
        for thread in registers.indices {
            lines.append("P\(thread):")
            for (index, event) in candidate.events.enumerated() where event.thread == thread {
                lines.append("  \(name(index))  \(event.text)\(meaning(index))")
            }
        }
        let orders = coherence()
        if !orders.isEmpty { lines += ["writes, in their order:"] + orders }
        if !cycle.isEmpty {
            lines.append("each of these would have to come before the next, and the last before the first:")
            lines.append("  " + (cycle + [cycle[0]]).map { "\(name($0)) (\(kind($0)))" }.joined(separator: "\n  -> "))
        }
        if let isRequired {
            lines.append(isRequired ? "every execution satisfies it" : "not every execution satisfies it")
        }
        lines.append("candidate executions looked at: \(candidateCount)")
        return lines.joined(separator: "\n")
    }

    private func name(_ index: Int) -> String {
        let event = candidate.events[index]
        return event.isInitial ? "init[\(place(event))]" : "e\(index)"
    }

    private func place(_ event: LitmusEvent) -> String {
        event.location.map { labels[$0] ?? $0.description } ?? ""
    }

    private func kind(_ index: Int) -> String {
        let event = candidate.events[index]
        let place = event.location == nil ? "" : " " + place(event)
        switch event.kind {
        case .read: return "P\(event.thread) reads\(place) = \(event.value)"
        case .write: return event.isInitial ? "initially" : "P\(event.thread) writes\(place) = \(event.value)"
        case .fetch: return "P\(event.thread) fetches\(place): \(event.value)"
        case .barrier, .synchronise: return "P\(event.thread): \(event.text)"
        case .clean, .invalidate: return "P\(event.thread): \(event.text)\(place)"
        }
    }

    private func meaning(_ index: Int) -> String {
        let event = candidate.events[index]
        let source = candidate.source[index]
        switch event.kind {
        case .read: return "   [\(place(event)) = \(event.value), from \(name(source))]"
        case .fetch: return " \(place(event))   [\(event.value), from \(name(source))]"
        case .write: return "   [\(place(event)) := \(event.value)]"
        default: return ""
        }
    }

    private func coherence() -> [String] {
        let events = candidate.events
        let locations = Set(
            events.indices.filter { events[$0].kind == .write && !events[$0].isInitial }.compactMap {
                events[$0].location
            })
        return locations.sorted { $0.description < $1.description }.map { location in
            let writes = events.indices.filter { events[$0].kind == .write && events[$0].location == location }
                .sorted { candidate.coherence[$0] < candidate.coherence[$1] }
            return "  \(labels[location] ?? location.description): " + writes.map(name).joined(separator: " < ")
        }
    }
}
