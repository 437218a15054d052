/// What differs between the program's own account and a trace's, one line a row; empty when equal.
struct AccountComparison {
    /// Functions whose exits Nopal says it cannot trace: only their entries are compared.
    var entryOnly: Set<String> = []
    /// Compiler-made and library functions that no source line can count, by a part of their name;
    /// only their balance counts.
    var uncounted: [String] = []
    /// Functions that this variant cannot trace at all; the ledger says why.
    var untraceable: Set<String> = []
    /// A thread that dies with its process may leave a call unwound or open: compared as a sum.
    var addsUnwoundAndOpen = false

    func differences(expected: Account, traced: Account) -> [String] {
        let keys = Set(expected.rows.keys).union(traced.rows.keys).sorted()
        return keys.compactMap { key in
            difference(key, expected.rows[key], traced.rows[key])
        }
    }

    private func difference(_ key: AccountKey, _ expected: Counts?, _ traced: Counts?) -> String? {
        let place = "thread \(key.thread) \(key.function):"
        guard let expected else {
            return uncountedDifference(key, traced ?? Counts()).map { "\(place) \($0)" }
        }
        if untraceable.contains(key.function) { return traced.map { "\(place) should not be traceable: \($0)" } }
        let (a, b) = (comparable(expected, key), comparable(traced ?? Counts(), key))
        return a == b ? nil : "\(place) counted \(a); traced \(b)"
    }

    private func uncountedDifference(_ key: AccountKey, _ traced: Counts) -> String? {
        guard uncounted.contains(where: { key.function.contains($0) }) else {
            return "not counted by the program; traced \(traced)"
        }
        return traced.entries == traced.exits + traced.unwound + traced.open
            ? nil : "out of balance: \(traced)"
    }

    private func comparable(_ counts: Counts, _ key: AccountKey) -> Counts {
        if entryOnly.contains(key.function) { return Counts(entries: counts.entries) }
        guard addsUnwoundAndOpen else { return counts }
        return Counts(entries: counts.entries, exits: counts.exits, unwound: counts.unwound + counts.open)
    }
}
