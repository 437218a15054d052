import Analysis
import Reading

/// The rows of a report as a table and as JSON.
enum ReportText {
    static func table(_ rows: [ReportRow]) -> String {
        let titles = ["Total", "Self", "Min", "Avg", "Max", "P50", "P99"]
        var text = titles.map { padded($0, 11) }.joined() + padded("Calls", 13) + "  Function\n"
        text += titles.map { _ in " " + String(repeating: "=", count: 10) }.joined() + "   ==========  ========\n"
        for row in rows {
            let times = [
                row.statistics.totalNanos, row.statistics.selfNanos, row.minNanos, row.averageNanos,
                row.statistics.maxNanos, row.p50Nanos, row.p99Nanos,
            ]
            text += times.map { " " + durationText($0) }.joined()
            text += padded(String(row.statistics.calls), 13) + "  \(row.function.displayName)\n"
        }
        return text
    }

    static func json(_ rows: [ReportRow]) -> JSON {
        .array(
            rows.map { row in
                .object([
                    ("function", .string(row.function.displayName)), ("module", .string(row.function.moduleName)),
                    ("calls", .number(row.statistics.calls)), ("total_ns", .number(row.statistics.totalNanos)),
                    ("self_ns", .number(row.statistics.selfNanos)), ("min_ns", .number(row.minNanos)),
                    ("avg_ns", .number(row.averageNanos)), ("max_ns", .number(row.statistics.maxNanos)),
                    ("p50_ns", .number(row.p50Nanos)), ("p99_ns", .number(row.p99Nanos)),
                    ("exits", .number(row.statistics.exits)), ("unwound", .number(row.statistics.unwound)),
                    ("open", .number(row.statistics.open)),
                ])
            })
    }
}
