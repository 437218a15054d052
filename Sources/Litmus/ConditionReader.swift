/// Reads the final condition: `exists`, `~exists`, with `/\`, `\/`, `not` and parentheses.
///
/// Of a `~exists` the condition itself is decided, as of an `exists`: whether an execution that satisfies it is allowed.
/// So it is of a `forall`, and whether all executions satisfy it is said besides.
struct ConditionReader {
    private let characters: [Character]
    private var at = 0
    private let test: LitmusTest
    private var depth = 0

    init(_ text: String, _ test: LitmusTest) {
        characters = Array(text)
        self.test = test
    }

    mutating func read(into test: inout LitmusTest) throws(LitmusError) {
        skipSpace()
        if take("locations") {
            guard let end = characters[at...].firstIndex(of: "]") else {
                throw LitmusError(what: "locations without an end")
            }
            at = end + 1
            skipSpace()
            _ = take(";")
            skipSpace()
        }
        if take("filter") {
            test.filter = try implication()
            _ = take(";")
        }
        test.isForAll = take("forall")
        guard test.isForAll || take("exists") || take("~exists") || take("~ exists") || take("not exists") else {
            throw LitmusError(what: "no final condition")
        }
        test.condition = try implication()
        _ = take(";")
        skipSpace()
        guard at == characters.count else { throw LitmusError(what: "'\(rest)' behind the final condition") }
    }

    /// `a => b`, from the right; each one deeper, so that it ends.
    private mutating func implication() throws(LitmusError) -> LitmusCondition {
        depth += 1
        defer { depth -= 1 }
        guard depth < 100 else { throw LitmusError(what: "a final condition that is nested too deeply") }
        let left = try either()
        return take("=>") ? .or([.not(left), try implication()]) : left
    }

    private var rest: String { String(characters[at...].prefix(20)) }

    private mutating func skipSpace() { while at < characters.count, characters[at].isWhitespace { at += 1 } }

    private mutating func take(_ word: String) -> Bool {
        skipSpace()
        let letters = Array(word)
        guard at + letters.count <= characters.count, Array(characters[at..<at + letters.count]) == letters else {
            return false
        }
        at += letters.count
        return true
    }

    private mutating func either() throws(LitmusError) -> LitmusCondition {
        var parts = [try both()]
        while take("\\/") { parts.append(try both()) }
        return parts.count == 1 ? parts[0] : .or(parts)
    }

    private mutating func both() throws(LitmusError) -> LitmusCondition {
        var parts = [try one()]
        while take("/\\") { parts.append(try one()) }
        return parts.count == 1 ? parts[0] : .and(parts)
    }

    private mutating func one() throws(LitmusError) -> LitmusCondition {
        depth += 1
        defer { depth -= 1 }
        guard depth < 100 else { throw LitmusError(what: "a final condition that is nested too deeply") }
        if take("~") || take("not ") || take("not(") {
            if at > 0, characters[at - 1] == "(" { at -= 1 }
            return .not(try one())
        }
        if take("(") {
            let inner = try implication()
            guard take(")") else { throw LitmusError(what: "a parenthesis that is not closed before '\(rest)'") }
            return inner
        }
        if take("true") { return .and([]) }
        if take("false") { return .or([]) }
        if take("fault(") { return try fault() }
        return try atom()
    }

    private mutating func atom() throws(LitmusError) -> LitmusCondition {
        let place = word(until: ["=", ")", "/", "\\"]).withoutSpaceAtColons
        guard take("=") else { throw LitmusError(what: "condition '\(place)'") }
        skipSpace()
        let text =
            word(peeking: "instr:") || word(peeking: "label:")
            ? quotedValue() : word(until: [")", "/", "\\", "=", ";"])
        let value = try ValueReader.read(text, test)
        if let colon = place.firstIndex(of: ":"), let thread = Int(place[..<colon]) {
            guard test.threads.indices.contains(thread),
                let number = ValueReader.register(place[place.index(after: colon)...].uppercased())
            else { throw LitmusError(what: "condition on '\(place)'") }
            return .register(thread: thread, number, value)
        }
        return .memory(try memory(place), value)
    }

    /// `x`, `[x]`, `x[1]`.
    private func memory(_ place: String) throws(LitmusError) -> LitmusLocation {
        let name = place.trimmingBrackets
        if ValueReader.isName(name) { return test.aliases[name] ?? .data(name) }
        let parts = name.split(separator: "[").map(\.trimmed)
        guard parts.count == 2, parts[1].hasSuffix("]"), let index = Int64(parts[1].dropLast()),
            let array = test.arrays[parts[0]], 0..<Int64(array.count) ~= index
        else { throw LitmusError(what: "condition on '\(place)'") }
        return .data(parts[0], offset: index * array.byteCount)
    }

    /// `fault(P0:L0)`, `fault(P0:L0, UndefinedInstruction)`: no other kind can come here.
    private mutating func fault() throws(LitmusError) -> LitmusCondition {
        let parts = word(until: [")"]).split(separator: ",").map(\.trimmed)
        guard take(")"), let label = parts.first, case .code(let thread, let index) = try ValueReader.read(label, test),
            parts.count == 1 || parts[1] == "UndefinedInstruction"
        else { throw LitmusError(what: "a fault of another kind than an undefined instruction's") }
        return .fault(thread: thread, .code(thread: thread, index: index))
    }

    private func word(peeking word: String) -> Bool {
        let letters = Array(word)
        return at + letters.count <= characters.count && Array(characters[at..<at + letters.count]) == letters
    }

    /// Up to behind the second quotation mark.
    private mutating func quotedValue() -> String {
        var text = ""
        var marks = 0
        while at < characters.count, marks < 2 {
            if characters[at] == "\"" { marks += 1 }
            text.append(characters[at])
            at += 1
        }
        return text
    }

    private mutating func word(until ends: Set<Character>) -> String {
        skipSpace()
        var text = ""
        while at < characters.count, !ends.contains(characters[at]) {
            text.append(characters[at])
            at += 1
        }
        return text.trimmed
    }
}
