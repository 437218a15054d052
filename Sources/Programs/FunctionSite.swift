import Patching

/// A function and what can be done with it.
public struct FunctionSite: Equatable, Sendable {
    public enum Verdict: Equatable, Sendable {
        /// `exits` is false where only entries can be traced; `remark` says why, or what else is
        /// worth knowing.
        case traceable(Site, exits: Bool, remark: String?)
        /// The reason is a short fixed phrase, so that equal reasons can be counted together.
        case notTraceable(reason: String)
    }

    public var function: FunctionSymbol
    public var verdict: Verdict

    public init(function: FunctionSymbol, verdict: Verdict) {
        self.function = function
        self.verdict = verdict
    }

    public var isTraceable: Bool {
        if case .traceable = verdict { return true }
        return false
    }

    /// Where the site stands, or the function where there is none.
    public var address: UInt64 {
        if case .traceable(let site, _, _) = verdict { return site.address }
        return function.address
    }
}
