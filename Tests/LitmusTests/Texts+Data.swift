/// Tests of data alone.
extension Texts {
    static func data(_ name: String, _ a: [String], _ b: [String], _ condition: String) -> String {
        text(name, "0:X1=x; 0:X3=y; 1:X1=x; 1:X3=y; 0:X0=1; 1:X0=1;", [a, b], condition)
    }

    /// Tests without instruction fetch, whose verdicts every model of the architecture has.
    static let dataOnly: [(text: String, isAllowed: Bool)] = {
        let writes = { (between: [String]) in ["STR W0,[X1]"] + between + ["STR W0,[X3]"] }
        let reads = { (between: [String]) in ["LDR W4,[X3]"] + between + ["LDR W5,[X1]"] }
        let messagePassed = #"1:X4=1 /\ 1:X5=0"#
        let address = ["EOR W6,W4,W4", "LDR W5,[X1,W6,SXTW]"]
        let buffering = { (between: [String], place: String, other: String) in
            ["STR W0,[\(place)]"] + between + ["LDR W5,[\(other)]"]
        }
        let loads = { (between: [String], place: String, other: String) in
            ["LDR W5,[\(place)]"] + between + ["STR W0,[\(other)]"]
        }
        return [
            (data("MP", writes([]), reads([]), messagePassed), true),
            (data("MP+dmbs", writes(["DMB SY"]), reads(["DMB SY"]), messagePassed), false),
            (data("MP+dmb.st+po", writes(["DMB ST"]), reads([]), messagePassed), true),
            (data("MP+dmb.st+dmb.ld", writes(["DMB ST"]), reads(["DMB LD"]), messagePassed), false),
            (data("MP+dmb.ld+dmb.ld", writes(["DMB LD"]), reads(["DMB LD"]), messagePassed), true),
            (data("MP+dmb.st+addr", writes(["DMB ST"]), ["LDR W4,[X3]"] + address, messagePassed), false),
            (data("MP+dmb.st+ctrl", writes(["DMB ST"]), reads(["CBNZ W4,l0", "l0:"]), messagePassed), true),
            (data("MP+dmb.st+ctrlisb", writes(["DMB ST"]), reads(["CBNZ W4,l0", "l0: ISB"]), messagePassed), false),
            (
                data(
                    "MP+dmb.st+select", writes(["DMB ST"]),
                    ["LDR W4,[X3]", "CMP W4,#1", "CSEL X6,X1,X1,EQ", "LDR W5,[X6]"], messagePassed), true
            ),
            (
                data(
                    "MP+dmb.st+select-ctrlisb", writes(["DMB ST"]),
                    ["LDR W4,[X3]", "CMP W4,#1", "CSEL W6,WZR,WZR,EQ", "CBNZ W6,l0", "l0: ISB", "LDR W5,[X1]"],
                    messagePassed), false
            ),
            (
                data(
                    "MP+dmb.st+data-lrs-acq", writes(["DMB ST"]),
                    [
                        "LDR W4,[X3]", "EOR W6,W4,W4", "ADR X7,l0", "ADD X8,X1,W6,SXTW", "STR W0,[X3,W6,SXTW]",
                        "LDAR W9,[X3]", "LDR W5,[X8]", "l0:",
                    ], messagePassed), false
            ),
            (
                data(
                    "MP+dmb.st+ctrl-lrs-acq", writes(["DMB ST"]),
                    ["LDR W4,[X3]", "CBNZ W4,l0", "l0: STR W0,[X3]", "LDAR W9,[X3]", "LDR W5,[X1]"],
                    #"1:X4=1 /\ 1:X5=0 /\ 1:X9=1"#), true
            ),
            (data("MP+dmb.st+swpa", writes(["DMB ST"]), ["SWPA W0,W4,[X3]", "LDR W5,[X1]"], messagePassed), false),
            (
                data(
                    "MP+dmb.st+swpa.noret", writes(["DMB ST"]), ["SWPA WZR,WZR,[X3]", "LDR W5,[X1]"], #"y=0 /\ 1:X5=0"#),
                true
            ),
            (
                data(
                    "MP+dmb.st+casa.noret", ["MOV W2,#2", "STR W2,[X3]", "STR W0,[X1]", "DMB ST", "STR WZR,[X3]"],
                    ["CASA WZR,W0,[X3]", "LDR W5,[X1]"], #"y=1 /\ 1:X5=0"#), true
            ),
            (
                data(
                    "MP+dmb.st+ldadd-dmb.ld", writes(["DMB ST"]), ["LDADD W0,W4,[X3]", "DMB LD", "LDR W5,[X1]"],
                    messagePassed), false
            ),
            (
                data(
                    "MP+dmb.st+stadd-dmb.ld", writes(["DMB ST"]), ["STADD W0,[X3]", "DMB LD", "LDR W5,[X1]"],
                    #"y=2 /\ 1:X5=0"#), true
            ),
            (
                data(
                    "MP+dmb.st+cas-addr", writes(["DMB ST"]),
                    ["MOV W4,#1", "CAS W4,W0,[X3]", "EOR W6,W4,W4", "LDR W5,[X1,W6,SXTW]"],
                    #"1:X4=1 /\ 1:X5=0"#), true
            ),
            (
                data(
                    "LB+dmb+cas-addr", ["LDR W5,[X1]", "DMB SY", "STR W0,[X3]"],
                    ["MOV W4,#1", "CAS W4,W0,[X3]", "EOR W6,W4,W4", "STR W0,[X1,W6,SXTW]"],
                    #"0:X5=1 /\ 1:X4=1"#), false
            ),
            (
                data(
                    "LB+dmb+select", ["LDR W5,[X1]", "DMB SY", "STR W0,[X3]"],
                    ["LDR W5,[X3]", "CMP W5,#1", "CSEL W6,W0,WZR,EQ", "STR W6,[X1]"], #"0:X5=1 /\ 1:X5=1"#), false
            ),
            (
                data(
                    "LB+dmb+cas-compared", ["LDR W5,[X1]", "DMB SY", "STR W0,[X3]"],
                    ["LDR W5,[X3]", "AND W4,W5,#2", "CAS W4,W0,[X1]"], #"0:X5=1 /\ 1:X5=1"#), false
            ),
            (
                data(
                    "MP+dmb.st+ldadd-memory-addr", writes(["DMB ST"]),
                    ["LDADD W0,W4,[X3]", "LDR W6,[X3]", "EOR W6,W6,W6", "LDR W5,[X1,W6,SXTW]"], messagePassed), false
            ),
            (
                data(
                    "MP+dmb.st+swp-memory-addr", writes(["DMB ST"]),
                    ["SWP W0,W4,[X3]", "LDR W6,[X3]", "EOR W6,W6,W6", "LDR W5,[X1,W6,SXTW]"], messagePassed), true
            ),
            (
                data(
                    "LB+dmb+select-memory-acq", ["LDR W5,[X1]", "DMB SY", "STR W0,[X3]"],
                    [
                        "LDR W5,[X3]", "CMP W5,#1", "CSEL W6,WZR,WZR,EQ", "STR W6,[X3]", "LDAR W7,[X3]", "STR W0,[X1]",
                    ], #"0:X5=1 /\ 1:X5=1"#), false
            ),
            (
                data(
                    "LB+dmb+post", ["LDR W5,[X1]", "DMB SY", "STR W0,[X3]"],
                    ["LDR W5,[X3]", "ORR W6,W5,#1", "STR W6,[X1],#4"], #"0:X5=1 /\ 1:X5=1"#), false
            ),
            (
                data("MP+rel+acq", ["STR W0,[X1]", "STLR W0,[X3]"], ["LDAR W4,[X3]", "LDR W5,[X1]"], messagePassed),
                false
            ),
            (
                data(
                    "MP+rel+acqpc", ["STR W0,[X1]", "STLR W0,[X3]"], ["LDAPR W4,[X3]", "LDR W5,[X1]"], messagePassed),
                false
            ),
            (data("SB", buffering([], "X1", "X3"), buffering([], "X3", "X1"), #"0:X5=0 /\ 1:X5=0"#), true),
            (
                data(
                    "SB+dmbs", buffering(["DMB SY"], "X1", "X3"), buffering(["DMB SY"], "X3", "X1"),
                    #"0:X5=0 /\ 1:X5=0"#), false
            ),
            (
                data(
                    "SB+rel-acq", ["STLR W0,[X1]", "LDAR W5,[X3]"], ["STLR W0,[X3]", "LDAR W5,[X1]"],
                    #"0:X5=0 /\ 1:X5=0"#),
                false
            ),
            (
                data(
                    "SB+rel-acqpc", ["STLR W0,[X1]", "LDAPR W5,[X3]"], ["STLR W0,[X3]", "LDAPR W5,[X1]"],
                    #"0:X5=0 /\ 1:X5=0"#), true
            ),
            (data("LB", loads([], "X1", "X3"), loads([], "X3", "X1"), #"0:X5=1 /\ 1:X5=1"#), true),
            (
                data(
                    "LB+ctrls", loads(["CBNZ W5,l0", "l0:"], "X1", "X3"), loads(["CBNZ W5,l0", "l0:"], "X3", "X1"),
                    #"0:X5=1 /\ 1:X5=1"#), false
            ),
            (
                data(
                    "LB+datas", ["LDR W5,[X1]", "EOR W6,W5,W5", "ADD W6,W6,#1", "STR W6,[X3]"],
                    ["LDR W5,[X3]", "EOR W6,W5,W5", "ADD W6,W6,#1", "STR W6,[X1]"], #"0:X5=1 /\ 1:X5=1"#), false
            ),
            (
                data(
                    "2+2W", ["STR W0,[X1]", "MOV W4,#2", "STR W4,[X3]"], ["STR W0,[X3]", "MOV W4,#2", "STR W4,[X1]"],
                    #"x=1 /\ y=1"#), true
            ),
            (
                data(
                    "2+2W+dmbs", ["STR W0,[X1]", "DMB ST", "MOV W4,#2", "STR W4,[X3]"],
                    ["STR W0,[X3]", "DMB ST", "MOV W4,#2", "STR W4,[X1]"], #"x=1 /\ y=1"#), false
            ),
            (data("CoRR", ["STR W0,[X1]"], ["LDR W4,[X1]", "LDR W5,[X1]"], messagePassed), false),
            (data("CoWR", ["STR W0,[X1]", "LDR W4,[X1]"], ["MOV W4,#2", "STR W4,[X1]"], "0:X4=0"), false),
            (
                text(
                    "IRIW+addrs", "0:X1=x; 1:X1=y; 2:X1=x; 2:X3=y; 3:X1=x; 3:X3=y; 0:X0=1; 1:X0=1;",
                    [
                        ["STR W0,[X1]"], ["STR W0,[X1]"],
                        ["LDR W4,[X1]", "EOR W6,W4,W4", "LDR W5,[X3,W6,SXTW]"],
                        ["LDR W4,[X3]", "EOR W6,W4,W4", "LDR W5,[X1,W6,SXTW]"],
                    ], #"2:X4=1 /\ 2:X5=0 /\ 3:X4=1 /\ 3:X5=0"#), false
            ),
            (
                text(
                    "IRIW", "0:X1=x; 1:X1=y; 2:X1=x; 2:X3=y; 3:X1=x; 3:X3=y; 0:X0=1; 1:X0=1;",
                    [
                        ["STR W0,[X1]"], ["STR W0,[X1]"], ["LDR W4,[X1]", "LDR W5,[X3]"],
                        ["LDR W4,[X3]", "LDR W5,[X1]"],
                    ], #"2:X4=1 /\ 2:X5=0 /\ 3:X4=1 /\ 3:X5=0"#), true
            ),
            (
                data(
                    "exclusives", ["LDXR W4,[X1]", "ADD W4,W4,#1", "STXR W5,W4,[X1]"],
                    ["LDXR W4,[X1]", "ADD W4,W4,#1", "STXR W5,W4,[X1]"], #"0:X5=0 /\ 1:X5=0 /\ x=1"#), false
            ),
            (data("atomics", ["LDADD W0,W4,[X1]"], ["LDADD W0,W4,[X1]"], "x=1"), false),
            (
                data(
                    "swapped", ["SWPAL W0,W4,[X1]", "LDR W5,[X3]"], ["SWPAL W0,W4,[X3]", "LDR W5,[X1]"],
                    #"0:X5=0 /\ 1:X5=0"#), false
            ),
        ]
    }()
}
