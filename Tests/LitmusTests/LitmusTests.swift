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
        ("AArch64 x\n{ }\n P0 ;\n l: B l ;\nexists (0:X0=0)", "a loop that goes round more than 4 times at P0:l"),
        (
            "AArch64 x\nVariant=memtag\n{ }\n P0 ;\n NOP ;\nexists (0:X0=0)", "variant 'memtag'"
        ),
        ("AArch64 x\n{ }\n P0 ;\n NOP ;\nexists (0:X0=0 /\\ )", "condition ''"),
        ("AArch64 x\n{ }\n P0 ;\n NOP ;\n", "no final condition"),
        ("AArch64 x\n{ 0:X1=x; 1:X1=x; }\n P0 | P1 ;\n LDR X0,[X1] | STR W0,[X1] ;\nexists (0:X0=0)", ""),
        ("AArch64 x\n{ 0:X1=x }\n P0 ;\n ADD X2,X1,#8 ;\n LDR X0,[X2] ;\nexists (0:X0=0)", "an access at 'x+8'"),
        (
            "AArch64 x\n{ 0:X1=P0:m0; 0:X0=0 }\n P0 ;\n STR W0,[X1] ;\n m0: NOP ;\nexists (0:X0=1)",
            "an undefined instruction in a thread without a handler"
        ),
        (
            "AArch64 x\n{ 0:X1=x; 0:X2=y }\n P0 ;\n STR W2,[X1] ;\nexists (0:X0=1)", "32 bits of the address 'y'"
        ),
        (
            "AArch64 x\n{ 0:X1=P0:m0 }\n P0 ;\n m0: NOP ;\n LDR X0,[X1] ;\nexists (0:X0=1)",
            "an access to two instructions at once"
        ),
        (
            "AArch64 x\n{ 0:X1=P0:m0; 0:X2=0x14000002 }\n P0 ;\n m0: NOP ;\n LDR W0,[X1] ;\n CMP W0,W2 ;\n"
                + " B.EQ m1 ;\n m1: ;\nexists (0:X0=1)", "'NOP' compared with '335544322'"
        ),
        (
            "AArch64 x\n{ }\n P0 ;\n MOV W0,#-1 ;\nexists (0:X0=-1)",
            "a final condition about numbers that the test does not say"
        ),
        (
            "AArch64 x\n{ 0:X0=1; 0:X1=1 }\n P0 ;\n ADDS X2,X0,X1 ;\n B.HS m0 ;\n m0: ;\nexists (0:X0=0)",
            "condition HS of sum(2)"
        ),
        (
            "AArch64 x\n{ 0:X1=P1:m0; 0:X0=NOP }\n P0 | P1 ;\n STR W0,[X1] | m0: MOV W9,#1 ;\nexists (1:X9=2)",
            "an instruction is replaced while it may be executed, and not all may be (Arm ARM B2.2.5)"
        ),
        (
            "AArch64 x\n{ 0:X1=x; 1:X1=x; 1:X0=1 }\n P0 | P1 ;\n l0: LDR W2,[X1] | STR W0,[X1] ;\n CBZ W2,l0 | ;\n"
                + "exists (0:X2=0)", "a loop that goes round more than 4 times at P0:l0"
        ),
        (
            "AArch64 x\n{ pte_x=(oa:phy_y, af:0) }\n P0 ;\n NOP ;\nexists (0:X0=1)",
            "page table entry '(oa:phy_y, af:0)'"
        ),
        (
            "AArch64 x\n{ [x]=P0:l0; 0:X1=x; 1:X1=x; 0:X3=y; 1:X3=y; 0:X0=1; 1:X0=P0:l1 }\n P0 | P1 ;\n"
                + " LDR X5,[X1] | LDR X5,[X3] ;\n BR X5 | DMB SY ;\n l0: NOP | STR X0,[X1] ;\n l1: STR X0,[X3] | ;\n"
                + "exists (0:X5=P0:l1 /\\ 1:X5=1)",
            "a dependency through BR, BLR or RET, on which published versions of the model differ"
        ),
        (
            "AArch64 x\n{ }\n P0 ;\n B .-0x8000000000000000 ;\nexists (0:X0=0)",
            "a branch to '.-0x8000000000000000', out of the code"
        ),
        ("AArch64 x\n{ }\n P0 ;\n LDP X0,X1,[X2] ;\nexists (0:X0=1)", "instruction 'LDP X0,X1,[X2]'"),
        ("AArch64 x\n{ }\n P0 ;\n LDRB W0,[X2] ;\nexists (0:X0=1)", "instruction 'LDRB W0,[X2]'"),
        ("AArch64 x\n{ char x[2]; }\n P0 ;\n NOP ;\nexists (0:X0=1)", "initial state of 'x[2]'"),
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
