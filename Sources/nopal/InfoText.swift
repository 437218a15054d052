import Analysis
import Reading
import TraceFormat

/// `info` for a person.
struct InfoText {
    let trace: Trace
    let account: Account

    func text(threads: Bool, byFunction: Bool) -> String {
        var lines = file + events + clock + trace.modules.flatMap(module) + processes
        if threads || byFunction { lines += account.threads.flatMap { thread($0, byFunction: byFunction) } }
        lines += (trace.ledger?.notes ?? []).map { "note          \($0)" }
        lines += trace.faults.map { "\($0.kind == .damaged ? "damaged" : "missing")       \($0.sentence)" }
        return lines.joined(separator: "\n") + "\n"
    }

    static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private var file: [String] {
        var lines = ["file          \(trace.path), \(trace.byteCount) bytes"]
        guard let session = trace.session else { return lines }
        lines.append("command       \(session.commandLine.joined(separator: " "))")
        lines.append("recorded by   nopal \(session.nopalVersion) on \(session.hostName), \(session.kernel)")
        if !session.filters.isEmpty { lines.append("options       \(session.filters.joined(separator: " "))") }
        lines.append("buffer        \(session.bufferByteCount) bytes, when full: \(session.whenFull)")
        return lines
    }

    private var events: [String] {
        let totals = account.totals
        let count = account.eventCount
        let perEvent = count == 0 ? "" : ", \(fixed(Double(trace.byteCount) / Double(count), 2)) bytes of file an event"
        var lines = [
            "threads       \(account.threads.count)",
            "events        \(count)\(perEvent)",
            "calls         \(totals.entries) entries = \(totals.exits) exits + \(totals.unwound) unwound + \(totals.open) open",
            "entries only  \(totals.entriesOnly)",
            "lost          \(account.lostCount)",
        ]
        if totals.exitsWithoutEntry > 0 { lines.append("exits without entry  \(totals.exitsWithoutEntry)") }
        if let ledger = trace.ledger {
            lines.append("time waited  \(durationText(ledger.waitedNanos))")
        } else {
            lines.append("ledger        missing: the recorder was stopped before it wrote it")
        }
        return lines
    }

    private var clock: [String] {
        guard let rate = trace.clock.ticksPerSecond else { return ["clock         rate not known"] }
        return [
            "clock         \(fixed(rate / 1e6, 3)) million ticks a second from \(trace.clock.fitCount) fits, drift at most \(fixed(trace.clock.driftPartsPerMillion, 3)) ppm"
        ]
    }

    private func module(_ module: ModuleRecord) -> [String] {
        let id = module.buildID.isEmpty ? "no build id" : "build id \(InfoText.hex(module.buildID))"
        return ["module        \(module.path), \(id): \(module.tracedCount) of \(module.siteCount) sites traced"]
            + module.notTraced.map { tally in
                let examples = tally.examples.isEmpty ? "" : ", such as " + tally.examples.joined(separator: ", ")
                return "  not traced  \(tally.count): \(tally.reason)\(examples)"
            }
    }

    private var processes: [String] {
        trace.processes.filter { !$0.hasEnded }.map { process in
            "process       \(process.process) \(process.origin) by \(process.parent): \(process.executable)"
        }
    }

    private func thread(_ part: Account.Thread, byFunction: Bool) -> [String] {
        let totals = part.totals
        let line =
            "thread        \(part.thread.thread) \(part.thread.name): " + account(totals)
            + (part.lostCount > 0 ? ", \(part.lostCount) lost" : "")
        return [line]
            + (byFunction ? part.functions.map { "  \($0.function.displayName): \(account($0.statistics))" } : [])
    }

    private func account(_ totals: FunctionStatistics) -> String {
        var text = "\(totals.entries) entries = \(totals.exits) exits + \(totals.unwound) unwound + \(totals.open) open"
        if totals.entriesOnly > 0 { text += ", \(totals.entriesOnly) entries only" }
        return text
    }

    private func fixed(_ value: Double, _ digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        guard value.isFinite, abs(value * scale) < 1e15 else { return "?" }
        let whole = UInt64((abs(value) * scale).rounded())
        let part = String(whole % UInt64(scale))
        return "\(whole / UInt64(scale))." + String(repeating: "0", count: digits - part.count) + part
    }
}
