import Testing

@testable import Litmus

/// Verdicts of the architecture's model, and honest words where there are none.
@Suite struct LitmusTests {
    private func letter(_ text: String, _ cacheType: CacheType?, omitting: Set<LocalOrder.Clause> = []) -> String {
        switch Litmus.decide(text, cacheType: cacheType, omitting: omitting).verdict {
        case .allowed: "A"
        case .forbidden: "F"
        case .unsupported(let what): "(\(what))"
        }
    }

    private func verdicts(_ text: String, omitting: Set<LocalOrder.Clause> = []) -> String {
        CacheType.allCases.map { letter(text, $0, omitting: omitting) }.joined()
    }

    @Test func theTableIsReproduced() {
        for (text, expected) in Texts.table {
            let name = Litmus.decide(text).name
            #expect(verdicts(text) == expected, "\(name)")
        }
    }

    /// Caches make no difference where nothing is fetched that is written.
    @Test func dataAloneIsOrderedAsEverywhere() {
        for (text, isAllowed) in Texts.dataOnly {
            let expected = isAllowed ? "AAA" : "FFF"
            #expect(verdicts(text) == expected, "\(Litmus.decide(text).name)")
        }
    }

    /// A clause that changes no verdict would not be needed, or not be checked.
    @Test(arguments: LocalOrder.Clause.allCases)
    func everyClauseMatters(_ clause: LocalOrder.Clause) {
        let changed = Texts.table.contains { text, expected in verdicts(text, omitting: [clause]) != expected }
        #expect(changed, "\(clause.rawValue)")
    }

    @Test func theTestsOwnCachesAreTheDefault() {
        let text = Texts.selfModifying("SM.B+dsb.ish-isb", ["DSB ISH", "ISB"])
        func with(_ line: String) -> String { text.replacing("\n{", with: "\n\(line)\n{") }
        #expect(letter(text, nil) == "A")
        #expect(letter(with("CacheType=IDC"), nil) == "A")
        #expect(letter(with("CacheType=DIC"), nil) == "F")
        #expect(letter(with("CacheType=DIC,IDC"), nil) == "F")
        #expect(letter(with("CacheType=DIC"), CacheType.none) == "A")
    }

    @Test func witnessesTellWhatHappened() {
        guard case .allowed(let witness) = Litmus.decide(Texts.table[0].text, cacheType: CacheType.none).verdict else {
            Issue.record("coFF is allowed")
            return
        }
        #expect(witness.description.contains("fetch P1:m0   [NOP, from e"))
        #expect(witness.description.contains("fetch P1:m0   [B l0, from init[P1:m0]]"))
        guard case .forbidden(let reason?) = Litmus.decide(Texts.table[7].text).verdict else {
            Issue.record("MP.RF+cachesync+ctrlisb is forbidden")
            return
        }
        #expect(reason.description.contains("would have to come before the next"))
        #expect(reason.description.contains("IC IVAU"))
    }

    @Test(arguments: [
        ("", "no initial state in braces"),
        ("PPC x\n{ }\n P0 ;\nexists (0:X0=0)", "architecture 'PPC'"),
        ("AArch64 x\n{ 0:X0=1 }\n exists (0:X0=0)", "no table of code"),
        ("AArch64 x\n{ }\n P0 ;\n FROB X0 ;\nexists (0:X0=0)", "instruction 'FROB X0'"),
        ("AArch64 x\n{ }\n P0 ;\n DC CVAC,X0 ;\nexists (0:X0=0)", "instruction 'DC CVAC,X0'"),
        ("AArch64 x\n{ }\n P0 ;\n LDR X0,[SP] ;\nexists (0:X0=0)", "register 'SP' in 'LDR X0,[SP]'"),
        ("AArch64 x\n{ 0:X1=P3:l }\n P0 ;\n NOP ;\nexists (0:X0=0)", "label 'P3:l'"),
        ("AArch64 x\n{ }\n P0 ;\n l: B l ;\nexists (0:X0=0)", "a loop, or more than 120 instructions in a thread"),
        (
            "AArch64 x\nVariant=memtag\n{ }\n P0 ;\n NOP ;\nexists (0:X0=0)", "variant 'memtag'"
        ),
        (
            "AArch64 x\n{ 0:X1=x }\n P0 ;\n LDR X0,[X1] ;\n CAS X0,X2,[X1] ;\nexists (0:X0=0)",
            "a compare-and-swap whose comparison depends on a read"
        ),
        (
            "AArch64 x\n{ }\n P0 ;\n NOP ;\nforall (0:X0=0)",
            "forall: it asks what all executions do, not whether one is allowed"
        ),
        ("AArch64 x\n{ }\n P0 ;\n NOP ;\nexists (0:X0=0 /\\ )", "condition ''"),
        ("AArch64 x\n{ }\n P0 ;\n NOP ;\n", "no final condition"),
        ("AArch64 x\n{ 0:X1=x; 1:X1=x; }\n P0 | P1 ;\n LDR X0,[X1] | STR W0,[X1] ;\nexists (0:X0=0)", ""),
        ("AArch64 x\n{ 0:X1=x }\n P0 ;\n ADD X2,X1,#8 ;\n LDR X0,[X2] ;\nexists (0:X0=0)", "arithmetic on 'x' and '8'"),
        (
            "AArch64 x\n{ 0:X1=P0:m0; 0:X0=0 }\n P0 ;\n STR W0,[X1] ;\n m0: NOP ;\nexists (0:X0=1)",
            "an undefined instruction in a thread without a handler"
        ),
    ])
    func whatIsNotModelledIsSaid(_ text: String, _ sentence: String) {
        let said = letter(text, CacheType.none)
        if sentence.isEmpty {
            #expect(said == "(accesses of 32 and of 64 bits to x)")
        } else {
            #expect(said == "(\(sentence))")
        }
    }

    /// Cut anywhere, or with a character changed: a verdict or a sentence, never a crash.
    @Test func damagedTestsAreSurvived() {
        for (index, entry) in Texts.table.enumerated() {
            let characters = Array(entry.text)
            for cut in stride(from: index % 3, to: characters.count, by: 3) {
                _ = letter(String(characters[..<cut]), CacheType.none)
                var changed = characters
                changed[cut] = ["{", "}", ";", "|", ":", "=", "\"", "(", "9", " "][cut % 10]
                _ = letter(String(changed), .idc)
            }
        }
    }
}
