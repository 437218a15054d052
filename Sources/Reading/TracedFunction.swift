import Globs

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
        return bareName(ofDemangled: displayName)
    }
}
