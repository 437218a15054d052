/// What a test's final condition is.
public enum LitmusVerdict: Sendable {
    /// The architecture allows an execution that satisfies it: one of them.
    case allowed(Witness)
    /// It allows none; nil when no execution could satisfy it in the first place, whatever the order.
    case forbidden(Witness?)
    /// What the test has that is not modelled.
    case unsupported(String)
}

/// Decides litmus tests of AArch64 with instruction fetch.
public enum Litmus {
    /// Reads a test and decides its final condition: whether an execution that satisfies it is allowed, also where the
    /// test says `~exists` or `forall`. Of a `forall` the witness says whether every execution satisfies it.
    ///
    /// - Parameter cacheType: nil for what the test asks for itself.
    public static func decide(_ text: String, cacheType: CacheType? = nil) -> (name: String, verdict: LitmusVerdict) {
        decide(text, cacheType: cacheType, omitting: [])
    }

    static func decide(
        _ text: String, cacheType: CacheType?, omitting omitted: Set<LocalOrder.Clause>
    ) -> (name: String, verdict: LitmusVerdict) {
        var name = LitmusReader.name(text)
        do {
            let test = try LitmusReader.read(text)
            name = test.name
            if let other = test.otherModel { return (name, .unsupported(other)) }
            let decision = Decision(test: test, cacheType: cacheType ?? test.cacheType, omitted: omitted)
            return (name, try decision.verdict())
        } catch {
            return (name, .unsupported(error.what))
        }
    }
}

/// The searches that a verdict takes.
private struct Decision {
    let test: LitmusTest
    let cacheType: CacheType
    let omitted: Set<LocalOrder.Clause>

    func verdict() throws(LitmusError) -> LitmusVerdict {
        let verdict = try decide(test.condition)
        guard test.isForAll, case .allowed(var witness) = verdict else { return verdict }
        switch try decide(.not(test.condition)) {
        case .allowed: witness.isRequired = false
        case .forbidden: witness.isRequired = true
        case .unsupported(let what): return .unsupported(what)
        }
        return .allowed(witness)
    }

    /// What is forbidden has to be so in every way that the model can be read.
    private func decide(_ condition: LitmusCondition) throws(LitmusError) -> LitmusVerdict {
        var search = try Search(test, .and([test.filter, condition]), cacheType, omitted)
        let verdict = try search.run()
        guard case .forbidden = verdict else { return verdict }
        if let gap = search.gap, try isReached() { return .unsupported(gap) }
        search.countsIndirect = false
        if case .allowed = try search.run() {
            return .unsupported("a dependency through BR, BLR or RET, on which published versions of the model differ")
        }
        if let place = try unpredictable() { return .unsupported(place) }
        return verdict
    }

    /// Whether an execution can come to where it was not followed.
    ///
    /// Of one thread alone the beginning of a consistent execution is consistent; with others it may need what they do
    /// later, so that nothing can be said.
    private func isReached() throws(LitmusError) -> Bool {
        guard test.threads.count == 1 else { return true }
        var search = try Search(test, .and([]), cacheType, omitted)
        search.countsIndirect = false
        search.seeksCut = true
        if case .allowed = try search.run() { return true }
        return false
    }

    /// Where an instruction is replaced, while it may be fetched, that must not be.
    private func unpredictable() throws(LitmusError) -> String? {
        var search = try Search(test, .and([]), cacheType, omitted)
        guard search.replacesOthers else { return nil }
        search.seeksUnpredictable = true
        guard case .allowed = try search.run() else { return nil }
        return "an instruction is replaced while it may be executed, and not all may be (Arm ARM B2.2.5)"
    }
}
