/// Reads a litmus test.
struct LitmusReader {
    private static let lengthLimit = 1 << 20
    private var test = LitmusTest()

    static func read(_ text: String) throws(LitmusError) -> LitmusTest {
        guard text.utf8.count < lengthLimit else { throw LitmusError(what: "a file of more than a megabyte") }
        var reader = LitmusReader()
        try reader.read(withoutComments(text))
        return reader.test
    }

    /// The name alone, for messages about tests that are not understood.
    static func name(_ text: String) -> String {
        let line = withoutComments(text).split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        return line.split(separator: " ").dropFirst().joined(separator: " ").trimmed
    }

    /// `(* ... *)`, nested.
    private static func withoutComments(_ text: String) -> String {
        var kept = ""
        var depth = 0
        var isQuoted = false
        let characters = Array(text)
        var index = 0
        while index < characters.count {
            let next = index + 1 < characters.count ? characters[index + 1] : " "
            if !isQuoted, characters[index] == "(", next == "*" {
                depth += 1
                index += 2
            } else if depth > 0, characters[index] == "*", next == ")" {
                depth -= 1
                index += 2
            } else {
                if characters[index] == "\"" && depth == 0 { isQuoted.toggle() }
                if depth == 0 { kept.append(characters[index]) }
                index += 1
            }
        }
        return kept
    }

    private mutating func read(_ text: String) throws(LitmusError) {
        guard let open = text.firstIndex(of: "{"), let close = Self.closing(text[open...]) else {
            throw LitmusError(what: "no initial state in braces")
        }
        try readHead(text[..<open])
        let rest = text[text.index(after: close)...]
        let body = try readCode(rest)
        // Labels are known now, which the initial state may name.
        var state = StateReader(test)
        try state.read(text[text.index(after: open)..<close])
        test = state.test
        var condition = ConditionReader(String(body), test)
        try condition.read(into: &test)
    }

    /// The brace that closes the first one.
    private static func closing(_ text: Substring) -> Substring.Index? {
        var depth = 0
        for index in text.indices {
            if text[index] == "{" { depth += 1 }
            if text[index] == "}" { depth -= 1 }
            if depth == 0 { return index }
        }
        return nil
    }

    private mutating func readHead(_ text: Substring) throws(LitmusError) {
        let lines = text.split(whereSeparator: \.isNewline).map(\.trimmed).filter { !$0.isEmpty }
        guard let first = lines.first else { throw LitmusError(what: "no name") }
        let words = first.split(separator: " ", maxSplits: 1).map(String.init)
        guard words.first == "AArch64" else { throw LitmusError(what: "architecture '\(words.first ?? "")'") }
        test.name = words.count > 1 ? words[1].trimmed : ""
        for line in lines.dropFirst() {
            guard let sign = line.firstIndex(of: "=") else { continue }
            test.header[String(line[..<sign]).trimmed] = String(line[line.index(after: sign)...]).trimmed
        }
    }

    /// The table of code; gives back what follows it.
    private mutating func readCode(_ text: Substring) throws(LitmusError) -> Substring {
        var rest = text
        var columns: [(thread: Int, isHandler: Bool)]?
        while let end = rest.firstIndex(of: ";") {
            let row = rest[..<end]
            let word = row.trimmed
            if Self.conditionWords.contains(where: { word.hasPrefix($0) }) { break }
            rest = rest[rest.index(after: end)...]
            let cells = row.split(separator: "|", omittingEmptySubsequences: false).map(\.trimmed)
            if let columns {
                guard cells.count <= columns.count else {
                    throw LitmusError(what: "a row with more cells than threads")
                }
                for (column, cell) in zip(columns, cells) { try readCell(cell, column) }
            } else {
                columns = try readTitles(cells)
            }
        }
        guard columns != nil else { throw LitmusError(what: "no table of code") }
        return rest
    }

    private static let conditionWords = ["exists", "~exists", "forall", "locations", "filter", "not exists"]

    private mutating func readTitles(_ cells: [String]) throws(LitmusError) -> [(thread: Int, isHandler: Bool)] {
        var columns: [(Int, Bool)] = []
        for cell in cells {
            let isHandler = cell.hasSuffix(".F")
            let name = isHandler ? String(cell.dropLast(2)) : cell
            guard name.hasPrefix("P"), let thread = Int(name.dropFirst()), 0..<8 ~= thread else {
                throw LitmusError(what: "thread '\(cell)'")
            }
            if isHandler {
                test.handlers[thread] = LitmusTest.Code()
            } else {
                guard thread == test.threads.count else { throw LitmusError(what: "threads that are not in order") }
                test.threads.append(LitmusTest.Code())
            }
            columns.append((thread, isHandler))
        }
        for (thread, _) in columns where !test.threads.indices.contains(thread) {
            throw LitmusError(what: "a handler without its thread")
        }
        return columns
    }

    private mutating func readCell(_ cell: String, _ column: (thread: Int, isHandler: Bool)) throws(LitmusError) {
        var code = column.isHandler ? test.handlers[column.thread] ?? LitmusTest.Code() : test.threads[column.thread]
        var text = cell
        while let colon = text.firstIndex(of: ":"),
            text[..<colon].allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" })
        {
            code.labels[String(text[..<colon])] = code.instructions.count
            text = String(text[text.index(after: colon)...]).trimmed
        }
        if !text.isEmpty { code.instructions.append(try InstructionReader(text).read()) }
        guard code.instructions.count < 200 else { throw LitmusError(what: "more than 200 instructions in a thread") }
        if column.isHandler { test.handlers[column.thread] = code } else { test.threads[column.thread] = code }
    }
}
