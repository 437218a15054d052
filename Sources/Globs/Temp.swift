import Glibc
public struct FunctionFilter: Sendable {
    public var f: [String], n: [String]
    public init(only: [String], not: [String]) { f = only; n = not }
    public func selects(_ name: String) -> Bool {
        (f.isEmpty || f.contains { fnmatch($0, name, 0) == 0 }) && !n.contains { fnmatch($0, name, 0) == 0 }
    }
}
