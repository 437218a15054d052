/// Which functions the options -F and -N choose.
///
/// A function is selected when any -F pattern covers its name (or there is no -F) and no -N
/// pattern does. Three forms of the name are tried: as linked (`_ZN3foo3barEi`), demangled
/// (`foo::bar(int)`), and demangled without parameters and return type (`foo::bar`).
public struct FunctionFilter: Equatable, Sendable {
    public var only: [Glob]
    public var never: [Glob]

    public init(only: [String] = [], never: [String] = []) {
        self.only = only.map(Glob.init)
        self.never = never.map(Glob.init)
    }

    /// True when every function passes, so that names need not be looked at.
    public var selectsEverything: Bool { only.isEmpty && never.isEmpty }

    /// - Parameter demangle: called only when the linkage name alone did not decide.
    public func selects(linkageName: String, demangle: (String) -> String) -> Bool {
        if selectsEverything { return true }
        if never.contains(where: { $0.matches(linkageName) }) { return false }
        let isPlainlySelected = only.isEmpty || only.contains { $0.matches(linkageName) }
        if isPlainlySelected && never.isEmpty { return true }

        let demangled = demangle(linkageName)
        if demangled == linkageName { return isPlainlySelected }
        let bare = bareName(ofDemangled: demangled)
        let isCovered = { (glob: Glob) in glob.matches(demangled) || glob.matches(bare) }
        if never.contains(where: isCovered) { return false }
        return isPlainlySelected || only.contains(where: isCovered)
    }
}
