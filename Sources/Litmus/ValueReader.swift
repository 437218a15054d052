/// Reads values: numbers, places, labels, instructions.
enum ValueReader {
    static func read(_ text: String, _ test: LitmusTest) throws(LitmusError) -> LitmusValue {
        if let number = LitmusNumber.parse(text) { return .integer(number) }
        if text.uppercased() == "NOP" { return .instruction(try InstructionReader("NOP").read()) }
        if let quoted = quoted(text, "instr:") {
            let instruction = try InstructionReader(quoted).read()
            if case .undefined(let number) = instruction.action { return .integer(number) }
            return .instruction(instruction)
        }
        if let quoted = quoted(text, "label:") { return try label(quoted, test) }
        if text.contains(":") { return try label(text.withoutSpaceAtColons, test) }
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

extension String {
    /// `0: X1` is `0:X1`.
    var withoutSpaceAtColons: String {
        split(separator: ":", omittingEmptySubsequences: false).map(\.trimmed).joined(separator: ":")
    }

    /// `[x]` is `x`.
    var trimmingBrackets: String {
        hasPrefix("[") && hasSuffix("]") && count > 1 ? String(dropFirst().dropLast()) : self
    }
}
