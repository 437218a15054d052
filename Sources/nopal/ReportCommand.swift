import Analysis
import ArgumentParser
import Reading

extension ReportOrder: ExpressibleByArgument {}

enum ReportGroup: String, CaseIterable, ExpressibleByArgument { case thread, module }

struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Sum up calls and times by function.",
        discussion: """
            total counts recursion once; self is without the calls that a function made; avg, min, max, \
            p50 and p99 are over all its calls (p50 and p99 within 1 %). Calls that were unwound or are \
            still open at the end count with the time they had.

              nopal report                       sorted by total time
              nopal report --sort p99 --limit 20
              nopal report --by thread
              nopal report --json | jq '.functions[] | select(.calls > 1000)'

            \(exitCodeHelp)
            """)

    @OptionGroup var trace: TraceArgument

    @Option(help: "What to sort by.")
    var sort: ReportOrder = .total

    @Option(help: "Group the functions.")
    var by: ReportGroup?

    @OptionGroup var selection: SelectionOptions

    @Option(help: ArgumentHelp("Print the first functions only.", valueName: "n"))
    var limit: Int?

    @Flag(help: "Print JSON; durations are nanoseconds.")
    var json = false

    func validate() throws {
        if let limit, limit < 0 { throw ValidationError("--limit wants a number from 0 on.") }
    }

    func run() throws {
        let opened = try trace.open()
        let chosen = selection.selection(opened)
        let progress = Progress("reading \(opened.path)")
        defer { progress.end() }
        switch by {
        case nil:
            let rows = limited(Report(opened, chosen, order: sort).rows)
            printText(json ? JSON.object([("functions", ReportText.json(rows))]).text : ReportText.table(rows))
        case .thread: byThread(opened, chosen)
        case .module: byModule(opened, chosen)
        }
        try reportFaults(opened)
    }

    private func byThread(_ opened: Trace, _ chosen: CallSelection) {
        let threads = Report.byThread(opened, chosen, order: sort).filter { !$0.rows.isEmpty }
        guard !json else {
            let groups = threads.map { part in
                JSON.object([
                    ("tid", .number(UInt64(part.thread.thread))), ("pid", .number(UInt64(part.thread.process))),
                    ("name", .string(part.thread.name)), ("functions", ReportText.json(limited(part.rows))),
                ])
            }
            return printText(JSON.object([("threads", .array(groups))]).text)
        }
        let parts = threads.map { part in
            "# thread \(part.thread.thread) \(part.thread.name) of process \(part.thread.process)\n"
                + ReportText.table(limited(part.rows))
        }
        printText(parts.joined(separator: "\n"))
    }

    private func byModule(_ opened: Trace, _ chosen: CallSelection) {
        let rows = Report(opened, chosen, order: sort).rows
        var names: [String] = []
        for row in rows where !names.contains(row.function.moduleName) { names.append(row.function.moduleName) }
        let groups = names.map { name in (name, limited(rows.filter { $0.function.moduleName == name })) }
        guard !json else {
            let values = groups.map { name, rows in
                JSON.object([("module", .string(name)), ("functions", ReportText.json(rows))])
            }
            return printText(JSON.object([("modules", .array(values))]).text)
        }
        printText(groups.map { "# module \($0)\n" + ReportText.table($1) }.joined(separator: "\n"))
    }

    private func limited(_ rows: [ReportRow]) -> [ReportRow] { limit.map { Array(rows.prefix($0)) } ?? rows }
}
