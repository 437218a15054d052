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
        guard let open = text.firstIndex(of: "{"), let close = text[open...].firstIndex(of: "}") else {
            throw LitmusError(what: "no initial state in braces")
        }
        try readHead(text[..<open])
        let rest = text[text.index(after: close)...]
        let body = try readCode(rest)
        // Labels are known now, which the initial state may name.
        try readState(text[text.index(after: open)..<close])
        var condition = ConditionReader(String(body), test)
        test.condition = try condition.read()
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

    private mutating func readState(_ text: Substring) throws(LitmusError) {
        for entry in text.split(separator: ";").map(\.trimmed) where !entry.isEmpty {
            guard let sign = entry.firstIndex(of: "=") else {
                // A declaration: a type and a place, with nothing in it.
                continue
            }
            let value = try ValueReader.read(String(entry[entry.index(after: sign)...]).trimmed, test)
            var place = String(entry[..<sign]).trimmed
            // A type before it says nothing that counts here.
            if let space = place.lastIndex(where: { $0 == " " || $0 == "*" }) {
                place = String(place[place.index(after: space)...])
            }
            try set(place, value)
        }
    }

    private mutating func set(_ place: String, _ value: LitmusValue) throws(LitmusError) {
        if let colon = place.firstIndex(of: ":"), let thread = Int(place[..<colon]) {
            let name = place[place.index(after: colon)...].uppercased()
            guard test.threads.indices.contains(thread), let number = ValueReader.register(name) else {
                throw LitmusError(what: "initial state of '\(place)'")
            }
            test.registers[thread, default: [:]][number] = value
            return
        }
        let name = place.hasPrefix("[") && place.hasSuffix("]") ? String(place.dropFirst().dropLast()) : place
        guard ValueReader.isName(name) else { throw LitmusError(what: "initial state of '\(place)'") }
        test.memory[name] = value
    }
}

/// Reads values: numbers, places, labels, instructions.
enum ValueReader {
    static func read(_ text: String, _ test: LitmusTest) throws(LitmusError) -> LitmusValue {
        if let number = LitmusNumber.parse(text) { return .integer(number) }
        if text.uppercased() == "NOP" { return .instruction(try InstructionReader("NOP").read()) }
        if let quoted = quoted(text, "instr:") { return .instruction(try InstructionReader(quoted).read()) }
        if let quoted = quoted(text, "label:") { return try label(quoted, test) }
        if text.contains(":") { return try label(text, test) }
        guard isName(text) else { throw LitmusError(what: "value '\(text)'") }
        return .address(text)
    }

    private static func quoted(_ text: String, _ word: String) -> String? {
        guard text.hasPrefix(word) else { return nil }
        let rest = text.dropFirst(word.count).trimmed
        guard rest.count >= 2, rest.hasPrefix("\""), rest.hasSuffix("\"") else { return nil }
        return String(rest.dropFirst().dropLast())
    }

    private static func label(_ text: String, _ test: LitmusTest) throws(LitmusError) -> LitmusValue {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(\.trimmed)
        guard parts.count == 2, parts[0].hasPrefix("P"), let thread = Int(parts[0].dropFirst()),
            test.threads.indices.contains(thread), let index = test.threads[thread].labels[parts[1]]
        else { throw LitmusError(what: "label '\(text)'") }
        return .code(thread: thread, index: index)
    }

    /// The number of a register by name; nil for what is none.
    static func register(_ name: String) -> Int? {
        guard let first = name.first, first == "X" || first == "W", let number = Int(name.dropFirst()), 0...30 ~= number
        else { return nil }
        return number
    }

    static func isName(_ text: String) -> Bool {
        guard let first = text.first, first.isLetter || first == "_" else { return false }
        return text.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "." }
    }
}
