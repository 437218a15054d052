import Analysis
import Reading
import TraceFormat

/// `info --json`.
struct InfoJSON {
    let trace: Trace
    let account: Account

    func value(threads: Bool, byFunction: Bool) -> JSON {
        var members: [(String, JSON)] = [
            ("file", .string(trace.path)), ("bytes", .number(trace.byteCount)),
            ("session", session), ("events", events), ("clock", clock),
            ("waited_ns", trace.ledger.map { .number($0.waitedNanos) } ?? .null),
            ("wait_status", trace.ledger?.waitStatus.map { .decimal(Double($0)) } ?? .null),
            ("modules", .array(trace.modules.map(module))),
            ("processes", .array(trace.processes.filter { !$0.hasEnded }.map(process))),
            ("thread_count", .number(UInt64(account.threads.count))),
        ]
        if threads { members.append(("threads", .array(account.threads.map(thread)))) }
        if byFunction { members.append(("accounts", .array(account.threads.flatMap(accounts)))) }
        members.append(("is_damaged", .boolean(trace.isDamaged)))
        members.append(("notes", .array((trace.ledger?.notes ?? []).map { .string($0) })))
        members.append(("faults", .array(trace.faults.map { .string($0.sentence) })))
        return .object(members)
    }

    private var events: JSON {
        .object(
            counts(account.totals) + [
                ("lost", .number(account.lostCount)),
                ("entries_only", .number(account.totals.entriesOnly)),
                ("exits_without_entry", .number(account.totals.exitsWithoutEntry)),
            ])
    }

    private var session: JSON {
        guard let session = trace.session else { return .null }
        return .object([
            ("nopal_version", .string(session.nopalVersion)), ("host", .string(session.hostName)),
            ("kernel", .string(session.kernel)),
            ("command_line", .array(session.commandLine.map { .string($0) })),
            ("start_realtime_ns", .number(session.startRealtimeNanos)),
            ("when_full", .string("\(session.whenFull)")), ("buffer_bytes", .number(session.bufferByteCount)),
            ("filters", .array(session.filters.map { .string($0) })),
            ("records_exits", .boolean(session.recordsExits)),
        ])
    }

    private var clock: JSON {
        .object([
            ("fits", .number(UInt64(trace.clock.fitCount))),
            ("ticks_per_second", trace.clock.ticksPerSecond.map { .decimal($0) } ?? .null),
            ("drift_ppm", .decimal(trace.clock.driftPartsPerMillion)),
        ])
    }

    private func module(_ module: ModuleRecord) -> JSON {
        let reasons = module.notTraced.map { tally in
            JSON.object([
                ("reason", .string(tally.reason)), ("count", .number(tally.count)),
                ("examples", .array(tally.examples.map { .string($0) })),
            ])
        }
        return .object([
            ("path", .string(module.path)), ("build_id", .string(InfoText.hex(module.buildID))),
            ("sites", .number(module.siteCount)), ("traced", .number(module.tracedCount)),
            ("not_traced", .array(reasons)),
        ])
    }

    private func process(_ process: ProcessRecord) -> JSON {
        .object([
            ("pid", .number(UInt64(process.process))), ("parent", .number(UInt64(process.parent))),
            ("origin", .string("\(process.origin)")), ("executable", .string(process.executable)),
        ])
    }

    private func thread(_ part: Account.Thread) -> JSON {
        .object(
            [
                ("tid", .number(UInt64(part.thread.thread))), ("pid", .number(UInt64(part.thread.process))),
                ("serial", .number(UInt64(part.thread.serial))), ("name", .string(part.thread.name)),
                ("blocks", .number(UInt64(part.thread.blockCount))),
            ] + counts(part.totals) + [
                ("lost", .number(part.lostCount)), ("entries_only", .number(part.totals.entriesOnly)),
                ("exits_without_entry", .number(part.totals.exitsWithoutEntry)),
            ])
    }

    private func accounts(_ part: Account.Thread) -> [JSON] {
        part.functions.map { row in
            .object(
                [
                    ("tid", .number(UInt64(part.thread.thread))), ("serial", .number(UInt64(part.thread.serial))),
                    ("function", .string(row.function.displayName)),
                    ("linkage_name", .string(row.function.linkageName)),
                    ("module", .string(row.function.moduleName)),
                ] + counts(row.statistics) + [
                    ("entries_only", .number(row.statistics.entriesOnly)),
                    ("exits_without_entry", .number(row.statistics.exitsWithoutEntry)),
                ])
        }
    }

    private func counts(_ statistics: FunctionStatistics) -> [(String, JSON)] {
        [
            ("entries", .number(statistics.entries)), ("exits", .number(statistics.exits)),
            ("unwound", .number(statistics.unwound)), ("open", .number(statistics.open)),
        ]
    }
}
