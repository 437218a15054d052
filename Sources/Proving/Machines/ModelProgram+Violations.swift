extension ModelProgram {
    /// Names what a thread ran into that fetched what is no lawful instruction.
    ///
    /// - Parameter present: what stands there now. If that is what was fetched, the place may be wrong, and not the bytes.
    func violation(ofFetched units: [UInt32], at address: UInt64, present: [UInt32]) -> Violation {
        let isPresent = units == present
        let shown = zip(units, present).map { unit, present in
            let text = unit == Self.freed ? "?" : digits(unit)
            return unit == present ? text : "[\(text)]"
        }.joined(separator: " ")
        let executed = "\(hex(address)): executes \(shown)"
        if units.contains(Self.freed) {
            return Violation(
                .freedStub, "a thread runs on at \(hex(address)), in memory that was given back", executed: executed)
        }
        guard let site = scenario.sites.first(where: { $0.window.contains(address) }) else {
            return Violation(
                .exposed, "a thread comes to \(hex(address)) and executes \(shown), which is not the stub yet",
                executed: executed)
        }
        if isPresent && address != site.window.lowerBound {
            return Violation(
                .resumedInside, "a thread goes on at \(hex(address)) and reads \(shown), where no instruction begins",
                executed: executed)
        }
        return Violation(
            .torn, "a thread at \(hex(address)) executes \(shown), which nobody wrote: half old, half new",
            executed: executed)
    }

    /// A unit's bytes in memory order.
    private func digits(_ value: UInt32) -> String {
        (0..<unit).map { index in
            twoDigits(UInt8(truncatingIfNeeded: value >> UInt32(8 * index)))
        }.joined(separator: " ")
    }
}
