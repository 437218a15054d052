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

    /// Without parameters and return type: `ns::f(int)` is `ns::f`.
    public var baseName: String { String(TracedFunction.baseName(displayName[...])) }

    /// Cuts at the first parenthesis that opens a parameter list (not `operator()` or `(anonymous namespace)`).
    static func baseName(_ name: Substring) -> Substring {
        var depth = 0
        var index = name.startIndex
        while index < name.endIndex {
            let rest = name[index...]
            if rest.hasPrefix("(anonymous namespace)") || rest.hasPrefix("operator()") {
                index = rest.firstIndex(of: ")") ?? index
            } else if rest.first == "<" { depth += 1 } else if rest.first == ">" { depth -= 1 } else if rest.first == "(" && depth <= 0 {
                return name[..<index]
            }
            index = name.index(after: index)
        }
        return name
    }
}
