/// A function that events name.
public struct TracedFunction: Sendable, Equatable {
    public var id: UInt32
    public var linkageName: String
    /// Demangled; the linkage name when it is no mangled one.
    public var displayName: String
    /// The last component of the module's path.
    public var moduleName: String
    public var moduleIndex: UInt32
    /// Link-time address in the module.
    public var address: UInt64
    public var byteCount: UInt64
    /// False where only entries are traced.
    public var hasExits: Bool

    /// Without the parameter list: `ns::f(int) const` is `ns::f`. Swift names stay whole, because
    /// argument labels are part of them.
    public var baseName: String {
        if linkageName.hasPrefix("$") || linkageName.hasPrefix("_$") { return displayName }
        return TracedFunction.withoutParameters(displayName)
    }

    /// Cuts off the last parenthesised list, where only qualifiers follow it.
    static func withoutParameters(_ name: String) -> String {
        let text = Array(name.utf8)
        guard let close = text.lastIndex(of: UInt8(ascii: ")")) else { return name }
        let after = text[(close + 1)...].first
        guard after == nil || [UInt8(ascii: " "), UInt8(ascii: "&"), UInt8(ascii: "[")].contains(after) else {
            return name
        }
        var depth = 0
        for index in stride(from: close, through: 0, by: -1) {
            if text[index] == UInt8(ascii: ")") { depth += 1 }
            if text[index] == UInt8(ascii: "(") { depth -= 1 }
            if depth == 0 { return index > 0 ? String(decoding: text[..<index], as: UTF8.self) : name }
        }
        return name
    }
}
