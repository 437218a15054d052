/// A counterexample for people: who does what, side by side, with the bytes of the site between.
public struct Explanation: Sendable {
    public let counterexample: Counterexample
    /// What was tried, in a line.
    public let title: String

    public init(_ counterexample: Counterexample, title: String) {
        self.counterexample = counterexample
        self.title = title
    }

    /// One line of the listing.
    struct Line: Equatable {
        var patcher = ""
        /// By thread that has a part in it.
        var threads: [String]
        /// The windows where they differ from the line before, else empty.
        var windows: [Counterexample.Window] = []
        var isLast = false
    }

    /// The threads that do anything, in the order of their names.
    var actors: [Int] {
        Set(
            counterexample.steps.compactMap { step in
                if case .thread(let index) = step.actor { index } else { nil }
            }
        ).sorted()
    }

    /// The listing, without what only fills it.
    var lines: [Line] {
        let actors = actors
        var lines: [Line] = []
        var windows = counterexample.start
        var waiting: [Int: UInt64] = [:]
        for (index, step) in steps.enumerated() {
            var line = Line(threads: actors.map { _ in "" }, isLast: index + 1 == steps.count)
            switch step.actor {
            case .patcher:
                line.patcher = step.text
                for (thread, place) in waiting.sorted(by: { $0.key < $1.key }) {
                    if let column = actors.firstIndex(of: thread) { line.threads[column] = "(stands at \(hex(place)))" }
                }
                waiting = [:]
            case .thread(let thread):
                guard let column = actors.firstIndex(of: thread) else { continue }
                line.threads[column] = step.text + (step.isStale ? ", as it was before" : "")
                waiting[thread] = step.place
            }
            if step.windows != windows { line.windows = step.windows }
            windows = step.windows
            lines.append(line)
        }
        return lines
    }

    /// The steps with runs of the patching side that no thread comes between drawn together.
    private var steps: [Counterexample.Step] {
        var kept: [Counterexample.Step] = []
        var run: [Counterexample.Step] = []
        for step in counterexample.steps {
            guard step.actor == .patcher else {
                kept += Self.drawn(run) + [step]
                run = []
                continue
            }
            if step.part == .nothing { continue }
            if step.part == .appears, let last = run.last, last.part == .store {
                run[run.count - 1].windows = step.windows
                continue
            }
            run.append(step)
        }
        return kept + Self.drawn(run)
    }

    /// A plan that runs from its beginning to its end is one line, and so is writing a stub.
    private static func drawn(_ run: [Counterexample.Step]) -> [Counterexample.Step] {
        var kept: [Counterexample.Step] = []
        var start: Int?
        for step in run {
            if step.part == .begins { start = kept.count }
            kept.append(step)
            guard step.part == .ends, let from = start else { continue }
            var whole = kept[from]
            whole.text = whole.text.replacing(":", with: "").replacing("begins plan", with: "runs plan")
            whole.text += ", as a whole"
            whole.windows = step.windows
            kept.replaceSubrange(from..., with: [whole])
            start = nil
        }
        return kept
    }

    static func bytes(_ windows: [Counterexample.Window]) -> String {
        windows.map { window in window.bytes.map(twoDigits).joined(separator: " ") }.joined(separator: " | ")
    }

    var names: [String] { actors.map { actors.count == 1 ? "victim" : "thread \($0 + 1)" } }
}

extension Explanation: CustomStringConvertible {
    /// For a terminal or a mail: columns of text.
    public var description: String {
        var rows = [["", "patcher"] + names + ["bytes at \(hex(counterexample.start.first?.address ?? 0))"]]
        rows.append(["", ""] + names.map { _ in "" } + [Self.bytes(counterexample.start)])
        for (index, line) in lines.enumerated() {
            rows.append([String(index + 1), line.patcher] + line.threads + [Self.bytes(line.windows)])
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        var text = "\(title): \(counterexample.violation.kind.rawValue).\n\n"
        for row in rows {
            var line = " "
            for (column, cell) in row.enumerated() {
                line +=
                    column == 0 ? Self.padded(cell, widths[0], right: true) : " | " + Self.padded(cell, widths[column])
            }
            while line.last == " " { line.removeLast() }
            text += line + "\n"
        }
        if counterexample.violation.executed?.contains("[") ?? false {
            text += "\n What stands in brackets was fetched before it was replaced.\n"
        }
        return text + "\nThere " + counterexample.violation.detail + ".\n"
    }

    private static func padded(_ text: String, _ width: Int, right: Bool = false) -> String {
        let space = String(repeating: " ", count: max(0, width - text.count))
        return right ? space + text : text + space
    }
}
