/// A shell pattern over a function's name: `*`, `?`, `[a-z]`, `[!a-z]`, and `\` before a
/// character that is meant literally.
///
/// A pattern has to cover the whole name, as in ftrace's and uftrace's glob filters. It is
/// compared byte by byte in UTF-8; `?` stands for one whole character.
public struct Glob: Equatable, Hashable, Sendable {
    /// The pattern as typed.
    public let pattern: String
    private let tokens: [Token]

    private enum Token: Equatable, Hashable, Sendable {
        case byte(UInt8)
        case anyCharacter
        case anyRun
        case set(ranges: [ClosedRange<UInt8>], isNegated: Bool)
    }

    /// Every text is a pattern: an unclosed `[` is an ordinary character, as in a shell.
    public init(_ pattern: String) {
        self.pattern = pattern
        self.tokens = Self.tokens(of: Array(pattern.utf8))
    }

    /// Whether the pattern covers the whole of `name`.
    ///
    /// Takes time in proportion to pattern times name at worst: on a mismatch only the last `*`
    /// is widened, which is enough for globs.
    public func matches(_ name: String) -> Bool {
        var name = name
        return name.withUTF8 { matches($0) }
    }

    private func matches(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        var at = 0
        var token = 0
        var lastRun: (token: Int, at: Int)?
        while true {
            if token < tokens.count, tokens[token] == .anyRun {
                lastRun = (token, at)
                token += 1
                continue
            }
            if token == tokens.count, at == name.count { return true }
            if token < tokens.count, let width = width(of: tokens[token], in: name, at: at) {
                token += 1
                at += width
                continue
            }
            guard let run = lastRun, run.at < name.count else { return false }
            lastRun = (run.token, run.at + 1)
            token = run.token + 1
            at = run.at + 1
        }
    }

    /// How many bytes of `name` the token takes at `at`, nil when it does not fit there.
    private func width(of token: Token, in name: UnsafeBufferPointer<UInt8>, at: Int) -> Int? {
        guard at < name.count else { return nil }
        switch token {
        case .byte(let byte):
            return name[at] == byte ? 1 : nil
        case .anyCharacter:
            var end = at + 1
            while end < name.count, name[end] & 0xC0 == 0x80 { end += 1 }
            return end - at
        case .set(let ranges, let isNegated):
            let isInside = ranges.contains { $0.contains(name[at]) }
            return isInside != isNegated ? 1 : nil
        case .anyRun:
            return nil
        }
    }
}

extension Glob {
    private static func tokens(of bytes: [UInt8]) -> [Token] {
        var tokens: [Token] = []
        var at = 0
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "*"):
                if tokens.last != .anyRun { tokens.append(.anyRun) }
            case UInt8(ascii: "?"):
                tokens.append(.anyCharacter)
            case UInt8(ascii: "["):
                if let (set, end) = self.set(in: bytes, at: at) {
                    tokens.append(set)
                    at = end
                } else {
                    tokens.append(.byte(bytes[at]))
                }
            case UInt8(ascii: "\\") where at + 1 < bytes.count:
                at += 1
                tokens.append(.byte(bytes[at]))
            default:
                tokens.append(.byte(bytes[at]))
            }
            at += 1
        }
        return tokens
    }

    /// Reads `[...]` that opens at `at`; `end` is the index of its `]`. A `]` that comes first
    /// belongs to the set.
    private static func set(in bytes: [UInt8], at: Int) -> (set: Token, end: Int)? {
        var next = at + 1
        var ranges: [ClosedRange<UInt8>] = []
        var isNegated = false
        if next < bytes.count, bytes[next] == UInt8(ascii: "!") || bytes[next] == UInt8(ascii: "^") {
            isNegated = true
            next += 1
        }
        let first = next
        while next < bytes.count {
            let low = bytes[next]
            if low == UInt8(ascii: "]"), next > first {
                return (.set(ranges: ranges, isNegated: isNegated), next)
            }
            let isRange =
                next + 2 < bytes.count && bytes[next + 1] == UInt8(ascii: "-")
                && bytes[next + 2] != UInt8(ascii: "]")
            let high = isRange ? bytes[next + 2] : low
            if low <= high { ranges.append(low...high) }
            next += isRange ? 3 : 1
        }
        return nil
    }
}
