/// `.+8`, `.-4`: from the instruction itself, bytes.
enum LitmusDistance {
    static func parse(_ text: String) -> Int64? {
        let rest = text.dropFirst().trimmed
        guard text.hasPrefix("."), let sign = rest.first, sign == "+" || sign == "-" else { return nil }
        return LitmusNumber.parse(String(rest.dropFirst()).trimmed).map { sign == "-" ? 0 &- $0 : $0 }
    }
}

enum LitmusNumber {
    static func parse(_ text: String) -> Int64? {
        let isNegative = text.hasPrefix("-")
        let digits = isNegative ? String(text.dropFirst()) : text
        guard let first = digits.first, first.isNumber else { return nil }
        let number = digits.lowercased().hasPrefix("0x") ? UInt64(digits.dropFirst(2), radix: 16) : UInt64(digits)
        return number.map { isNegative ? 0 &- Int64(bitPattern: $0) : Int64(bitPattern: $0) }
    }
}

extension StringProtocol {
    /// Without white space at both ends.
    var trimmed: String {
        var part = self[...]
        while part.first?.isWhitespace ?? false { part.removeFirst() }
        while part.last?.isWhitespace ?? false { part.removeLast() }
        return String(part)
    }
}
