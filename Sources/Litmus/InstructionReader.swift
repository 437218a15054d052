/// Why a test is not understood.
struct LitmusError: Error, Equatable {
    var what: String
    /// Too much work, and not one execution that can't be followed.
    var isLimit = false
}

/// Reads one instruction's text.
struct InstructionReader {
    let text: String
    let mnemonic: String
    let operands: [String]

    init(_ text: String) {
        let trimmed = text.trimmed
        self.text = trimmed
        mnemonic = String(trimmed.prefix { !$0.isWhitespace }).uppercased()
        operands = Self.split(trimmed.dropFirst(mnemonic.count))
    }

    /// At commas outside of brackets; `LSL #1` and the like stay with what stands before them.
    private static func split(_ text: Substring) -> [String] {
        var parts: [String] = [""]
        var depth = 0
        for character in text {
            if character == "[" { depth += 1 }
            if character == "]" { depth -= 1 }
            if character == "," && depth == 0 {
                parts.append("")
            } else {
                parts[parts.count - 1].append(character)
            }
        }
        let trimmed = parts.map(\.trimmed)
        return trimmed == [""] ? [] : trimmed
    }

    func read() throws(LitmusError) -> LitmusInstruction {
        var instruction = LitmusInstruction(action: try action(), text: text)
        // The size of an access is that of its data register.
        let sized: Int = if case .store(_, _, _, _, .some) = instruction.action { 1 } else { 0 }
        if operands.indices.contains(sized), operands[sized].uppercased().hasPrefix("W") { instruction.isWide = false }
        return instruction
    }

    func fail() -> LitmusError { LitmusError(what: "instruction '\(text)'") }

    private func action() throws(LitmusError) -> LitmusInstruction.Action {
        if let simple = try simple() { return simple }
        if let memory = try memory() { return memory }
        if let branch = try branch() { return branch }
        if let data = try data() { return data }
        throw fail()
    }

    func expect(_ count: Int) throws(LitmusError) {
        guard operands.count == count else { throw fail() }
    }

    private func simple() throws(LitmusError) -> LitmusInstruction.Action? {
        switch mnemonic {
        case "NOP": try expect(0); return .nop
        case "UDF":
            try expect(1)
            guard case .immediate(let number) = try operand(operands[0]), 0..<0x1_0000 ~= number else { throw fail() }
            return .undefined(number)
        case "ISB":
            guard operands.isEmpty || operands[0].uppercased() == "SY" else { throw fail() }
            return .contextSynchronisation
        case "ERET": try expect(0); return .exceptionReturn
        case "DMB", "DSB":
            try expect(1)
            return .barrier(try scope(operands[0]), isSynchronisation: mnemonic == "DSB")
        case "IC" where ["IALLU", "IALLUIS"].contains(operands.first?.uppercased()):
            try expect(1)
            return .invalidateAllInstructions
        case "DC", "IC":
            try expect(2)
            let register = try register(operands[1])
            switch (mnemonic, operands[0].uppercased()) {
            case ("DC", "CVAU"): return .cleanData(register)
            case ("IC", "IVAU"): return .invalidateInstructions(register)
            default: throw fail()
            }
        case "MSR":
            try expect(2)
            guard operands[0].uppercased() == "ELR_EL1" else { throw fail() }
            return .writeLink(try register(operands[1]))
        default: return nil
        }
    }

    private func scope(_ name: String) throws(LitmusError) -> LitmusInstruction.Scope {
        switch name.uppercased() {
        case "SY", "ISH", "OSH": return .full
        case "LD", "ISHLD", "OSHLD": return .load
        case "ST", "ISHST", "OSHST": return .store
        default: throw fail()
        }
    }

    private func memory() throws(LitmusError) -> LitmusInstruction.Action? {
        switch mnemonic {
        case "LDR", "LDUR", "LDAR", "LDAPR", "LDXR", "LDAXR":
            let (base, offset) = try place(1, isPlain: mnemonic == "LDR" || mnemonic == "LDUR")
            let acquire: LitmusInstruction.Acquire =
                mnemonic == "LDAPR" ? .acquirePC : mnemonic.contains("A") ? .acquire : .none
            return .load(
                try register(operands[0]), base: base, offset: offset, acquire, exclusive: mnemonic.hasSuffix("XR"))
        case "STR", "STUR", "STLR":
            let (base, offset) = try place(1, isPlain: mnemonic != "STLR")
            return .store(
                try register(operands[0]), base: base, offset: offset, release: mnemonic == "STLR", status: nil)
        case "STXR", "STLXR":
            let (base, offset) = try place(2, isPlain: false)
            guard operands[0].uppercased().hasPrefix("W") else { throw fail() }
            return .store(
                try register(operands[1]), base: base, offset: offset, release: mnemonic == "STLXR",
                status: try register(operands[0]))
        default: return try atomic()
        }
    }

    private func atomic() throws(LitmusError) -> LitmusInstruction.Action? {
        let kinds: [(String, LitmusInstruction.Update)] = [
            ("LDADD", .add), ("LDCLR", .clear), ("LDSET", .set), ("LDEOR", .exclusiveOr), ("SWP", .swap),
            ("CAS", .compare),
        ]
        let stored: [(String, LitmusInstruction.Update)] = [
            ("STADD", .add), ("STCLR", .clear), ("STSET", .set), ("STEOR", .exclusiveOr),
        ]
        for (name, update) in stored where mnemonic == name || mnemonic == name + "L" {
            let (base, _) = try place(1, isPlain: false)
            return .atomic(
                update, source: try register(operands[0]), result: .zero, base: base, acquire: false,
                release: mnemonic.hasSuffix("L"))
        }
        for (name, update) in kinds where mnemonic.hasPrefix(name) {
            let suffix = mnemonic.dropFirst(name.count)
            guard ["", "A", "L", "AL"].contains(suffix) else { throw fail() }
            let (base, _) = try place(2, isPlain: false)
            let (first, second) = (try register(operands[0]), try register(operands[1]))
            // CAS compares with its first register and keeps the old value there.
            return .atomic(
                update, source: update == .compare ? second : first, result: update == .compare ? first : second,
                base: base, acquire: suffix.contains("A"), release: suffix.contains("L"))
        }
        return nil
    }

    private func branch() throws(LitmusError) -> LitmusInstruction.Action? {
        switch mnemonic {
        case "B": try expect(1); return .branch(label: operands[0])
        case "BL": try expect(1); return .branchLink(label: operands[0])
        case "BR", "BLR":
            try expect(1)
            return .branchRegister(try register(operands[0]), links: mnemonic == "BLR")
        case "RET":
            return .branchRegister(operands.isEmpty ? .general(30) : try register(operands[0]), links: false)
        case "CBZ", "CBNZ":
            try expect(2)
            return .compareBranch(try register(operands[0]), isZero: mnemonic == "CBZ", label: operands[1])
        case "TBZ", "TBNZ":
            try expect(3)
            guard case .immediate(let bit) = try operand(operands[1]), 0..<64 ~= bit else { throw fail() }
            return .testBranch(
                try register(operands[0]), bit: bit, isZero: mnemonic == "TBZ", label: operands[2])
        default:
            guard mnemonic.hasPrefix("B."), let condition = condition(String(mnemonic.dropFirst(2))) else { return nil }
            try expect(1)
            return .branchConditional(condition, label: operands[0])
        }
    }

    private func condition(_ name: String) -> LitmusInstruction.Condition? {
        let other = ["cs": "hs", "cc": "lo"][name.lowercased()] ?? name.lowercased()
        return LitmusInstruction.Condition(rawValue: other)
    }

    private func data() throws(LitmusError) -> LitmusInstruction.Action? {
        switch mnemonic {
        case "MOV", "MVN":
            try expect(2)
            return .move(try register(operands[0]), try operand(operands[1]), isNegated: mnemonic == "MVN")
        case "MOVZ", "MOVK": return try movePart()
        case "ADR": try expect(2); return .address(try register(operands[0]), label: operands[1])
        case "CMP", "SUBS", "SUB", "ADD", "ADDS", "EOR", "AND", "ANDS", "TST", "ORR", "BIC", "LSL", "LSR":
            return try arithmetic()
        case "CSET":
            try expect(2)
            guard let condition = condition(operands[1]), let opposite = condition.opposite else { throw fail() }
            return .select(try register(operands[0]), .zero, .zero, opposite, increments: true)
        case "CSEL", "CSINC":
            try expect(4)
            guard let condition = condition(operands[3]) else { throw fail() }
            return .select(
                try register(operands[0]), try register(operands[1]), try register(operands[2]), condition,
                increments: mnemonic == "CSINC")
        default: return nil
        }
    }

    private func arithmetic() throws(LitmusError) -> LitmusInstruction.Action {
        let kinds: [String: LitmusInstruction.Arithmetic] = [
            "CMP": .subtract, "SUBS": .subtract, "SUB": .subtract, "ADD": .add, "ADDS": .add, "EOR": .exclusiveOr,
            "AND": .and, "ANDS": .and, "TST": .and, "ORR": .or, "BIC": .clear, "LSL": .shiftLeft, "LSR": .shiftRight,
        ]
        guard let kind = kinds[mnemonic] else { throw fail() }
        if mnemonic == "CMP" || mnemonic == "TST" {
            return .arithmetic(
                kind, .zero, try register(operands.first ?? ""), try operand(operands.dropFirst()), setsFlags: true)
        }
        guard operands.count >= 3 else { throw fail() }
        let second = try operand(operands.dropFirst(2))
        if kind == .shiftLeft || kind == .shiftRight {
            let width: Int64 = operands[0].uppercased().hasPrefix("W") ? 32 : 64
            guard case .immediate(let shift) = second, 0..<width ~= shift else { throw fail() }
        }
        return .arithmetic(
            kind, try register(operands[0]), try register(operands[1]), second,
            setsFlags: ["SUBS", "ADDS", "ANDS"].contains(mnemonic))
    }

    /// `MOVZ X0, #1, LSL #16`, `MOVK X0, #1`.
    private func movePart() throws(LitmusError) -> LitmusInstruction.Action {
        guard operands.count == 2 || operands.count == 3, case .immediate(let number) = try operand(operands[1]),
            0..<0x1_0000 ~= number
        else { throw fail() }
        let shift = operands.count == 3 ? try amount(operands[2], ["LSL"]).shift : 0
        let width: Int64 = operands[0].uppercased().hasPrefix("W") ? 32 : 64
        guard shift % 16 == 0, shift < width else { throw fail() }
        let target = try register(operands[0])
        return mnemonic == "MOVK"
            ? .moveKeeping(target, number, shift: shift)
            : .move(target, .immediate(number << shift), isNegated: false)
    }
}
