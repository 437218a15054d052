/// Functions beside those for which the file records a site.
extension ModuleImage {
    /// Every function of the module, those without a site as not traceable; sorted by address.
    public func allFunctions() -> [FunctionSite] {
        let known = Set(sites.map(\.function.address))
        let others = functions.entries.indices.lazy
            .filter { functions.entries[$0].byteCount > 0 && !known.contains(functions.entries[$0].address) }
            .map { functions.symbol(at: $0) }
            .filter { !Self.isPart($0.name) }
            .map { FunctionSite(function: $0, verdict: .notTraceable(reason: reasonWithoutSite($0))) }
        return (sites + others).sorted { $0.function.address < $1.function.address }
    }

    /// What a compiler split off a function has no entry that anyone calls.
    private static func isPart(_ name: String) -> Bool {
        name.hasSuffix(".cold") || name.contains(".cold.")
    }

    private func reasonWithoutSite(_ function: FunctionSymbol) -> String {
        if function.byteCount < 5 { return "no site, and smaller than a jump" }
        return sites.isEmpty
            ? "no site: compiled without -fpatchable-function-entry, -pg or XRay"
            : "no site: assembly, or compiled without the flags of the rest"
    }
}

extension ModuleImage {
    /// The file's bytes of some code; nil where the file has fewer.
    ///
    /// - Parameter address: link-time.
    public func code(at address: UInt64, count: Int) -> [UInt8]? {
        guard let code = elf.loaded(at: address, upTo: count), code.count == count else { return nil }
        return code.array(0, count: count)
    }
}
