/// Litmus tests in herd's format, written from the descriptions of their shapes.
enum Texts {
    static let cacheSync = ["DC CVAU,X1", "DSB ISH", "IC IVAU,X1", "DSB ISH"]

    /// A table of code from one list of lines a thread.
    static func text(_ name: String, _ state: String, _ threads: [[String]], _ condition: String) -> String {
        let height = threads.map(\.count).max() ?? 0
        let titles = threads.indices.map { "P\($0)" }.joined(separator: " | ")
        let rows = (0..<height).map { row in
            threads.map { row < $0.count ? $0[row] : "" }.joined(separator: " | ") + " ;"
        }
        return "AArch64 \(name)\n{ \(state) }\n \(titles) ;\n" + rows.joined(separator: "\n")
            + "\nexists (\(condition))\n"
    }

    /// A thread that writes over an instruction of its own, and then runs it.
    static func selfModifying(_ name: String, _ between: [String]) -> String {
        text(
            name, "0:X0=NOP; 0:X1=P0:m0; 0:X9=0;",
            [["STR W0,[X1]"] + between + ["m0: B l0", "MOV W9,#1", "l0:"]], "0:X9=0")
    }

    /// Code is written, then a flag; the flag is seen, and the code stale.
    static func flagThenCode(_ name: String, _ between: [String], _ seen: [String]) -> String {
        text(
            name, "0:X0=NOP; 0:X1=P1:m0; 0:X3=z; 1:X1=P1:m0; 1:X3=z;",
            [
                ["STR W0,[X1]"] + between + ["MOV W2,#1", "STR W2,[X3]"],
                ["LDR W2,[X3]"] + seen + ["m0: B l0", "MOV W9,#1", "l0:"],
            ], #"1:X2=1 /\ 1:X9=0"#)
    }

    /// Two places of code are written; the second is seen new, then the first old.
    static func twoPlaces(_ name: String, _ between: [String], _ seen: [String] = []) -> String {
        text(
            name, "0:X0=NOP; 0:X1=P1:first; 0:X2=P1:second; 1:X1=P1:first;",
            [
                ["STR W0,[X1]"] + between + ["STR W0,[X2]"],
                ["second: B on", "MOV W10,#1", "on:"] + seen + ["first: B out", "MOV W11,#1", "out:"],
            ], #"1:X10=1 /\ 1:X11=0"#)
    }

    /// Data is written, then code; the code is seen new, the data old.
    static func dataThenCode(_ name: String, _ between: [String]) -> String {
        text(
            name, "0:X0=NOP; 0:X1=x; 0:X2=P1:m0; 1:X1=x;",
            [
                ["MOV W4,#1", "STR W4,[X1]"] + between + ["STR W0,[X2]"],
                ["m0: B l0", "MOV W9,#1", "l0:", "LDR W5,[X1]"],
            ], #"1:X9=1 /\ 1:X5=0"#)
    }

    /// The same place is fetched twice: new, then old again.
    static func twice(_ name: String, _ between: [String]) -> String {
        text(
            name, "0:X0=NOP; 0:X1=P1:m0; 1:X1=P1:m0;",
            [
                ["STR W0,[X1]"],
                ["BL m0", "MOV W10,W9", "MOV W9,#0"] + between + [
                    "BL m0", "B end", "m0: B l0", "MOV W9,#1", "l0: RET", "end:",
                ],
            ], #"1:X10=1 /\ 1:X9=0"#)
    }

    static let controlled = ["CBNZ W2,l1", "l1: ISB"]

    /// The table of shared knowledge: name, text, and what is allowed with caches of kind none, idc, dic+idc.
    static let table: [(text: String, verdicts: String)] = [
        (twice("coFF", []), "AAF"),
        (twice("coFF+cachesync", cacheSync + ["ISB"]), "FFF"),
        (selfModifying("SM.B+isb", ["ISB"]), "AAA"),
        (selfModifying("SM.B+dsb.ish-isb", ["DSB ISH", "ISB"]), "AAF"),
        (selfModifying("SM.B+dsb.ish-ic.ivau-dsb.ish-isb", ["DSB ISH", "IC IVAU,X1", "DSB ISH", "ISB"]), "AFF"),
        (selfModifying("SM.B+cachesync-isb", cacheSync + ["ISB"]), "FFF"),
        (flagThenCode("MP.RF+dmb.st+ctrlisb", ["DMB ST"], controlled), "AAF"),
        (flagThenCode("MP.RF+cachesync+ctrlisb", cacheSync, controlled), "FFF"),
        (dataThenCode("MP.FR+dmb.st+po", ["DMB ST"]), "FFF"),
        (twoPlaces("MP.FF+dmb.st+po", ["DMB ST"]), "AAF"),
        (
            text(
                "2SM.B+cachesync-isb", "0:X0=NOP; 0:X1=P1:m0; 1:X0=NOP; 1:X1=P1:m0; 1:X9=0;",
                [
                    ["STR W0,[X1]"],
                    ["LDR W2,[X1]"] + cacheSync + [
                        "ISB", "m0: B l0", "MOV W9,#1", "l0:", "CMP W2,W0", "CSET W3,EQ",
                    ],
                ], #"1:X3=1 /\ 1:X9=0"#), "FFF"
        ),
        // More of the same families, each for a clause of its own.
        (selfModifying("SM.B+dc.cvau-dsb.ish-isb", ["DC CVAU,X1", "DSB ISH", "ISB"]), "AAF"),
        (selfModifying("SM.B+dsb.ish", ["DSB ISH"]), "AAA"),
        (flagThenCode("MP.RF+dmb.st+dsb.ish-isb", ["DMB ST"], ["DSB ISH", "ISB"]), "AAF"),
        (flagThenCode("MP.RF+dsb-ic-dsb+ctrlisb", ["DSB ISH", "IC IVAU,X1", "DSB ISH"], controlled), "AFF"),
        (
            flagThenCode("MP.RF+dmb.st+dmb.ld-dc-dsb-ic-dsb-isb", ["DMB ST"], ["DMB LD"] + cacheSync + ["ISB"]),
            "AFF"
        ),
        (
            flagThenCode("MP.RF+dmb.st+dsb.ld-dc-dsb-ic-dsb-isb", ["DMB ST"], ["DSB LD"] + cacheSync + ["ISB"]),
            "FFF"
        ),
        (
            flagThenCode(
                "MP.RF+dc.cvau-dmb.ish+ctrl-ic.ivau-dsb.ish-isb", ["DC CVAU,X1", "DMB ISH"],
                ["CBNZ W2,l1", "l1: IC IVAU,X1", "DSB ISH", "ISB"]), "FFF"
        ),
        (twoPlaces("MP.FF+dmb.st+ic-dsb-isb", ["DMB ST"], ["IC IVAU,X1", "DSB ISH", "ISB"]), "AFF"),
        (twoPlaces("MP.FF+dmb.st+cachesync", ["DMB ST"], cacheSync), "AAF"),
        (twoPlaces("MP.FF+cachesync+po", cacheSync), "FFF"),
        (twoPlaces("MP.FF+dmb.st+ic.iallu-dsb.ish-isb", ["DMB ST"], ["IC IALLU", "DSB ISH", "ISB"]), "AFF"),
        (
            text(
                "LB.RF+dmb.sy+po", "0:X2=NOP; 0:X1=x; 0:X3=P1:m0; 1:X1=x;",
                [
                    ["LDR W0,[X1]", "DMB SY", "STR W2,[X3]"],
                    ["m0: B l0", "MOV W9,#1", "l0: MOV W0,#1", "STR W0,[X1]"],
                ],
                #"0:X0=1 /\ 1:X9=1"#), "FFF"
        ),
        (
            text(
                "SB.RF+dmb+dmb.st-cachesync-isb", "0:X0=NOP; 0:X1=P1:m0; 1:X1=P1:m0; 1:X2=1; 0:X3=z; 1:X3=z;",
                [
                    ["STR W0,[X1]", "DMB SY", "LDR W2,[X3]"],
                    ["STR W2,[X3]", "DMB ST"] + cacheSync + ["ISB", "m0: B l0", "MOV W9,#1", "l0:"],
                ], #"0:X2=0 /\ 1:X9=0"#), "AFF"
        ),
        (
            text(
                "WRC-inst-modified", "0:X0=NOP; 0:X1=P1:m0; 1:X1=P1:m0; 2:X1=P1:m0; 1:X3=x; 2:X3=x;",
                [
                    ["STR W0,[X1]"],
                    ["BL m0", "MOV W2,#1", "STR W2,[X3]", "B end", "m0: B l0", "MOV W9,#1", "l0: RET", "end:"],
                    ["LDR W2,[X3]", "CBNZ W2,l2", "l2: ISB", "BLR X1"],
                ], #"1:X9=1 /\ 2:X2=1 /\ 2:X9=0"#), "AAF"
        ),
        (
            """
            AArch64 relative-branch
            CacheType=DIC
            {  0:X0=NOP; 0:X1=P1:l1; 0:X2=instr:"B .+12"; (* to j1 (* nested *) *)  }
             P0          | P1        ;
             STR W2,[X1] | BL l1     ;
             DC CVAU,X1  | MOV W1,W9 ;
             DSB ISH     | BL l1     ;
             IC IVAU,X1  | MOV W2,W9 ;
             DSB ISH     | BL end    ;
             STR W0,[X1] |           ;
                         | l1: B j0  ;
                         | MOV W9,#2 ;
                         | RET       ;
                         | j1: MOV W9,#1 ;
                         | RET       ;
                         | j0: MOV W9,#0 ;
                         | RET       ;
                         | end:      ;
            exists (1:X1=2 /\\ 1:X2=0)
            """, "FFF"
        ),
        (
            """
            AArch64 undefined-caught
            { 0:X0=0; 0:X1=P0:l1; 0:X2=0; }
             P0          | P0.F           ;
             STR W0,[X1] | MOV W2,#42     ;
             DC CVAU,X1  | ADR X9,l0      ;
             DSB ISH     | MSR ELR_EL1,X9 ;
             IC IVAU,X1  | ERET           ;
             DSB ISH     |                ;
             ISB         |                ;
             l1: B l0    |                ;
             MOV W2,#1   |                ;
             l0:         |                ;
            exists (not (0:X2=42))
            """, "FFF"
        ),
    ]
}
