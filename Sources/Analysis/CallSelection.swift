import Globs
import Reading

/// Which calls to show: -F, -N, -D.
public struct CallSelection: Sendable {
    /// What a function's name says: matched by -F, matched by -N.
    struct Match: OptionSet, Sendable {
        let rawValue: UInt8
        static let wanted = Match(rawValue: 1)
        static let unwanted = Match(rawValue: 2)
    }

    let hasWanted: Bool
    let maximumDepth: Int
    private let matches: [UInt32: Match]

    /// - Parameters:
    ///   - only: globs: these functions and what they call.
    ///   - never: globs: not these, nor what they call.
    ///   - depth: how many levels to show; nil for all.
    public init(_ trace: Trace, only: [String] = [], never: [String] = [], depth: Int? = nil) {
        hasWanted = !only.isEmpty
        maximumDepth = depth ?? .max
        var matches: [UInt32: Match] = [:]
        let wanted = only.map(Glob.init)
        let unwanted = never.map(Glob.init)
        if !only.isEmpty || !never.isEmpty {
            for id in trace.functionIDs {
                let function = trace.function(id)
                let names = [function.displayName, function.baseName, function.linkageName]
                var match: Match = []
                if wanted.contains(where: { glob in names.contains(where: glob.matches) }) { match.insert(.wanted) }
                if unwanted.contains(where: { glob in names.contains(where: glob.matches) }) { match.insert(.unwanted) }
                if !match.isEmpty { matches[id] = match }
            }
        }
        self.matches = matches
    }

    /// True when every call is shown.
    public var isAll: Bool { !hasWanted && matches.isEmpty && maximumDepth == .max }

    /// True for a function that `only` names.
    public func isNamed(_ function: UInt32) -> Bool { match(function).contains(.wanted) }

    func match(_ function: UInt32) -> Match { matches.isEmpty ? [] : matches[function] ?? [] }
}

/// Passes on the calls that a selection shows, with the depth among them.
struct SelectingVisitor<Inner: CallVisitor>: CallVisitor {
    let selection: CallSelection
    var inner: Inner
    private var wanted = 0
    private var unwanted = 0
    private var depth = 0
    private var suspensions = PassedOnCalls()
    private var unwoundCalls = PassedOnCalls()

    init(_ selection: CallSelection, _ inner: Inner) {
        self.selection = selection
        self.inner = inner
    }

    private var isShown: Bool { unwanted == 0 && (wanted > 0 || !selection.hasWanted) }

    mutating func entered(_ function: UInt32, atNanos: UInt64, depth _: Int) {
        let match = selection.match(function)
        if match.contains(.wanted) { wanted += 1 }
        if match.contains(.unwanted) { unwanted += 1 }
        guard isShown else { return }
        if depth < selection.maximumDepth { inner.entered(function, atNanos: atNanos, depth: depth) }
        depth += 1
    }

    mutating func left(_ function: UInt32, enteredAtNanos: UInt64, atNanos: UInt64, depth _: Int, how: CallEnd) {
        if isShown {
            depth -= 1
            if depth < selection.maximumDepth {
                inner.left(function, enteredAtNanos: enteredAtNanos, atNanos: atNanos, depth: depth, how: how)
                if how == .suspended { suspensions.add(function, enteredAtNanos: enteredAtNanos) }
                if how == .unwound { unwoundCalls.add(function) }
            }
        }
        let match = selection.match(function)
        if match.contains(.wanted) { wanted -= 1 }
        if match.contains(.unwanted) { unwanted -= 1 }
    }

    mutating func passed(_ function: UInt32, atNanos: UInt64, depth _: Int) {
        guard isShown(function) else { return }
        if depth < selection.maximumDepth { inner.passed(function, atNanos: atNanos, depth: depth) }
    }

    mutating func lost(_ eventCount: UInt64, atNanos: UInt64) { inner.lost(eventCount, atNanos: atNanos) }

    mutating func leftSuspended(_ function: UInt32, enteredAtNanos: UInt64, atNanos: UInt64, how: CallEnd) {
        guard suspensions.take(function, enteredAtNanos: enteredAtNanos) else { return }
        inner.leftSuspended(function, enteredAtNanos: enteredAtNanos, atNanos: atNanos, how: how)
    }

    mutating func returnedAfterAll(_ function: UInt32, atNanos: UInt64) {
        if unwoundCalls.take(function) { inner.returnedAfterAll(function, atNanos: atNanos) }
    }

    mutating func leftUnentered(_ function: UInt32, atNanos: UInt64) {
        if isShown(function) { inner.leftUnentered(function, atNanos: atNanos) }
    }

    /// Whether a call that is not entered would be shown here.
    private func isShown(_ function: UInt32) -> Bool {
        let match = selection.match(function)
        return unwanted == 0 && !match.contains(.unwanted)
            && (wanted > 0 || !selection.hasWanted || match.contains(.wanted))
    }
}
