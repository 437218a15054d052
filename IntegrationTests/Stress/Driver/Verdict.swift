import Analysis
import Control
import Reading

/// Holds a trace against the oracle.
struct Verdict {
    var problems: [String] = []
    var recordedCalls: UInt64 = 0
    var certainCalls: UInt64 = 0
    var uncertainCalls: UInt64 = 0

    /// - Parameter names: the hammer's functions by number.
    init(tracePath: String, oracle: Oracle) throws {
        let trace = try Trace(path: tracePath)
        let account = Account(trace)
        for fault in trace.faults { problems.append("the trace: \(fault.sentence)") }
        if account.lostCount > 0 { problems.append("\(account.lostCount) events are lost") }
        if account.totals.exitsWithoutEntry > 0 {
            problems.append("\(account.totals.exitsWithoutEntry) exits have no entry")
        }
        var recorded: [UInt32: [String: UInt64]] = [:]
        for thread in account.threads {
            for row in thread.functions {
                let statistics = row.statistics
                let entries = statistics.entries &+ statistics.entriesOnly
                recorded[thread.thread.thread, default: [:]][row.function.linkageName, default: 0] += entries
                recordedCalls += entries
            }
        }
        compare(recorded, oracle)
    }

    private mutating func compare(_ recorded: [UInt32: [String: UInt64]], _ oracle: Oracle) {
        let names = (0..<oracle.functionCount).map(oracle.name)
        var expected: [UInt32: [String: Oracle.Counts]] = [:]
        for (thread, function, counts) in oracle.counts() {
            var sum = expected[thread]?[names[function]] ?? Oracle.Counts(certainOn: 0, uncertain: 0)
            sum.certainOn += counts.certainOn
            sum.uncertain += counts.uncertain
            expected[thread, default: [:]][names[function]] = sum
            certainCalls += counts.certainOn
            uncertainCalls += counts.uncertain
        }
        let known = Set(names)
        for thread in Set(recorded.keys).union(expected.keys) {
            let (found, wanted) = (recorded[thread] ?? [:], expected[thread] ?? [:])
            for name in Set(found.keys).intersection(known).union(wanted.keys) {
                let calls = found[name] ?? 0
                let counts = wanted[name] ?? Oracle.Counts(certainOn: 0, uncertain: 0)
                if calls < counts.certainOn || calls > counts.certainOn + counts.uncertain {
                    problems.append(
                        "thread \(thread) \(name): recorded \(calls), certainly on \(counts.certainOn), uncertain \(counts.uncertain)"
                    )
                }
            }
        }
    }
}
