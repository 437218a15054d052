extension Explanation {
    /// One page of HTML that needs nothing else: the listing, with the bytes of the site drawn at each step.
    public var page: String {
        """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"><title>\(Self.escaped(title))</title>
        <style>
        body { font: 15px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em; color: #1b1f23; background: #fff }
        h1 { font-size: 1.3em } .verdict { background: #fdecea; border-left: 4px solid #b3261e; padding: .7em 1em }
        table { border-collapse: collapse; width: 100%; margin-top: 1.2em } th { text-align: left; border-bottom: 2px solid #57606a }
        td, th { padding: .3em .6em; vertical-align: top } tr:nth-child(even) td { background: #f6f8fa }
        td.text { font: 13px/1.5 ui-monospace, monospace } td.last { background: #fdecea !important; font-weight: 600 }
        .number { color: #57606a; text-align: right } .bytes { white-space: nowrap }
        .byte { display: inline-block; font: 12px/1.7 ui-monospace, monospace; width: 1.9em; text-align: center; border: 1px solid #afb8c1; margin-right: 1px; background: #fff }
        .byte.now { background: #fff1b8; border-color: #bf8700 } .byte.new { background: #dafbe1; border-color: #4ac26b } .gap { margin-right: .8em }
        p.legend { color: #57606a; font-size: .9em }
        </style></head><body>
        <h1>\(Self.escaped(title))</h1>
        <p class="verdict"><b>\(Self.escaped(counterexample.violation.kind.rawValue))</b>: \(Self.escaped(counterexample.violation.detail)).</p>
        <table>
        <tr><th></th><th>patcher</th>\(names.map { "<th>\($0)</th>" }.joined())<th>bytes at \(hex(counterexample.start.first?.address ?? 0))</th></tr>
        \(rows)
        </table>
        <p class="legend"><span class="byte now">cc</span> changed by this step &nbsp; <span class="byte new">e9</span> other than at the beginning.
        In brackets: fetched before it was replaced. A shortest interleaving, found by nopal prove (\(counterexample.isa.rawValue), \(counterexample.threadCount) executing threads).</p>
        </body></html>

        """
    }

    private var rows: String {
        var previous = counterexample.start
        var rows = [row("", Line(threads: names.map { _ in "" }), counterexample.start, previous)]
        for (index, line) in lines.enumerated() {
            let windows = line.windows.isEmpty ? previous : line.windows
            rows.append(row(String(index + 1), line, windows, previous))
            previous = windows
        }
        return rows.joined(separator: "\n")
    }

    private func row(
        _ number: String, _ line: Line, _ windows: [Counterexample.Window], _ previous: [Counterexample.Window]
    ) -> String {
        let kind = line.isLast ? "text last" : "text"
        let cells = ([line.patcher] + line.threads).map { "<td class=\"\(kind)\">\(Self.escaped($0))</td>" }.joined()
        return
            "<tr><td class=\"number\">\(number)</td>\(cells)<td class=\"bytes\">\(drawn(windows, previous))</td></tr>"
    }

    private func drawn(_ windows: [Counterexample.Window], _ previous: [Counterexample.Window]) -> String {
        var text = ""
        for (index, window) in windows.enumerated() {
            for (offset, byte) in window.bytes.enumerated() {
                let isNow = byte != previous[index].bytes[offset]
                let isNew = byte != counterexample.start[index].bytes[offset]
                let gap = offset + 1 == window.bytes.count ? " gap" : ""
                text += "<span class=\"byte\(isNow ? " now" : isNew ? " new" : "")\(gap)\">\(twoDigits(byte))</span>"
            }
        }
        return text
    }

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            default: escaped.append(character)
            }
        }
        return escaped
    }
}
