/// Registers, numbers, extensions, places.
extension InstructionReader {
    func register(_ name: String) throws(LitmusError) -> LitmusInstruction.Register {
        let upper = name.trimmed.uppercased()
        if upper == "XZR" || upper == "WZR" { return .zero }
        guard let first = upper.first, first == "X" || first == "W", let number = Int(upper.dropFirst()),
            0...30 ~= number
        else { throw LitmusError(what: "register '\(name)' in '\(text)'") }
        return .general(number)
    }

    func operand(_ name: String) throws(LitmusError) -> LitmusInstruction.Operand {
        let trimmed = name.trimmed
        let digits = trimmed.hasPrefix("#") ? String(trimmed.dropFirst()).trimmed : trimmed
        if let value = LitmusNumber.parse(digits) { return .immediate(value) }
        return .register(try register(trimmed))
    }

    /// A register, a number, or a register with an extension or a shift behind it.
    func operand(_ parts: ArraySlice<String>) throws(LitmusError) -> LitmusInstruction.Operand {
        guard let first = parts.first, parts.count <= 2 else { throw fail() }
        guard parts.count == 2, let last = parts.last else { return try operand(first) }
        let (kind, shift) = try amount(last, ["LSL", "SXTW", "UXTW", "SXTX", "UXTX"])
        return .extended(try register(first), kind, shift: shift)
    }

    /// `SXTW`, `LSL #2`.
    func amount(
        _ text: String, _ names: Set<String>
    ) throws(LitmusError) -> (LitmusInstruction.Operand.Extension, shift: Int64) {
        let words = text.split(whereSeparator: \.isWhitespace).map { $0.uppercased() }
        guard let name = words.first, names.contains(name), words.count <= 2 else { throw fail() }
        var shift: Int64 = 0
        if words.count == 2 {
            guard case .immediate(let number) = try operand(words[1]), 0..<64 ~= number else { throw fail() }
            shift = number
        }
        return (name == "SXTW" ? .signed : name == "UXTW" ? .unsigned : .none, shift)
    }

    /// `[X1]`, `[X1, #8]`, `[X1, X2]`, `[X1, W2, SXTW]`, `[X1, #8]!`, `[X1], #8`: the last operand or the last two.
    ///
    /// - Parameter isPlain: of an access that may have more than its base.
    func place(
        _ number: Int, isPlain: Bool
    ) throws(LitmusError) -> (LitmusInstruction.Register, LitmusInstruction.Offset) {
        guard operands.count > number else { throw fail() }
        var text = operands[number]
        var offset = LitmusInstruction.Offset()
        if text.hasSuffix("!") {
            offset.index = .before
            text = String(text.dropLast()).trimmed
        }
        guard text.hasPrefix("["), text.hasSuffix("]") else { throw fail() }
        let parts = text.dropFirst().dropLast().split(separator: ",", omittingEmptySubsequences: false).map(\.trimmed)
        let base = try register(parts.first ?? "")
        if operands.count == number + 2 {
            guard parts.count == 1, offset.index == .none else { throw fail() }
            offset = .init(operand: try operand(operands[number + 1]), index: .after)
        } else {
            try expect(number + 1)
            if parts.count > 1 { offset.operand = try operand(parts[1...]) }
        }
        if offset.index != .none {
            guard case .immediate = offset.operand, mnemonic == "LDR" || mnemonic == "STR" else { throw fail() }
        }
        guard isPlain || offset == .init() else { throw fail() }
        return (base, offset)
    }
}
