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
        for (index, step) in counterexample.steps.enumerated() {
            var line = Line(threads: actors.map { _ in "" }, isLast: index + 1 == counterexample.steps.count)
            switch step.actor {
            case .patcher:
                guard !step.text.hasPrefix("(") else { continue }
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

    static func bytes(_ windows: [Counterexample.Window]) -> String {
        windows.map { window in window.bytes.map(Self.byte).joined(separator: " ") }.joined(separator: " | ")
    }

    static func byte(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }

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
        return text + "\nThere " + counterexample.violation.detail + ".\n"
    }

    private static func padded(_ text: String, _ width: Int, right: Bool = false) -> String {
        let space = String(repeating: " ", count: max(0, width - text.count))
        return right ? space + text : text + space
    }
}
