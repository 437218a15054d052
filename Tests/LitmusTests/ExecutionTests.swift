import Testing

@testable import Litmus

/// What single instructions do: each test has one thread, and a condition that must come out, and no other.
@Suite struct ExecutionTests {
    /// Whether the condition comes out, and its opposite doesn't.
    private func isCertain(_ state: String, _ code: [String], _ condition: String) -> String {
        func verdict(_ condition: String) -> String {
            let text = "AArch64 x\n{ \(state) }\n P0 ;\n" + code.map { " \($0) ;\n" }.joined() + condition
            switch Litmus.decide(text).verdict {
            case .allowed(let witness): return witness.isRequired == true ? "required" : "allowed"
            case .forbidden: return "forbidden"
            case .unsupported(let what): return what
            }
        }
        let all = verdict("forall (\(condition))")
        let none = verdict("exists (not (\(condition)))")
        return all == "required" && none == "forbidden" ? "certain" : "\(all), \(none)"
    }

    @Test(arguments: [
        ("", ["MOV W0,#-1"], "0:X0=0xffffffff"),
        ("", ["MOV X0,#-1"], "0:X0=-1"),
        ("", ["MVN W0,WZR"], "0:X0=4294967295"),
        ("", ["MOVZ X0,#1,LSL #16", "MOVK X0,#2"], "0:X0=0x10002"),
        ("0:X1=3", ["LSL X0,X1,#2", "LSR X2,X0,#1"], #"0:X0=12 /\ 0:X2=6"#),
        ("0:X1=0xff", ["BIC X0,X1,#0xf"], "0:X0=0xf0"),
        ("0:X1=0x80000000", ["ADD X0,XZR,W1,SXTW", "ADD X2,XZR,W1,UXTW #1"], #"0:X0=-2147483648 /\ 0:X2=0x100000000"#),
        ("0:X1=0x80000000", ["CMP W1,#0", "CSET W0,LT", "CMP X1,#0", "CSET W2,LT"], #"0:X0=1 /\ 0:X2=0"#),
        ("0:X1=1", ["TST X1,#2", "CSET W0,EQ", "TST X1,#1", "CSET W2,PL"], #"0:X0=1 /\ 0:X2=1"#),
        (
            "0:X1=5", ["CMP X1,#7", "CSET W0,LO", "CSEL X2,X1,XZR,HS", "CSINC X3,X1,X1,HI"],
            #"0:X0=1 /\ 0:X2=0 /\ 0:X3=6"#
        ),
        ("0:X1=4", ["TBZ X1,#2,l0", "MOV W0,#1", "l0:"], "0:X0=1"),
        (
            "int x[2]={7,8}; 0:X1=x", ["LDR W0,[X1,#4]", "LDR W2,[X1],#4", "LDR W3,[X1]"],
            #"0:X0=8 /\ 0:X2=7 /\ 0:X3=8"#
        ),
        ("int x[2]={7,8}; 0:X1=x; 0:X4=1", ["STR W4,[X1,#4]!", "LDR W0,[X1]"], #"0:X0=1 /\ x[0]=7 /\ x[1]=1"#),
        ("uint64_t x[2]; 0:X1=x; 0:X4=1", ["STR X4,[X1,X4,LSL #3]"], #"x[1]=1 /\ x[0]=0"#),
        ("x=5; 0:X1=x; 0:X4=3", ["STADD W4,[X1]", "LDCLR W4,W5,[X1]"], #"x=8 /\ 0:X5=8"#),
        ("x=5; 0:X1=x; 0:X4=5; 0:X5=6", ["CAS W4,W5,[X1]"], #"x=6 /\ 0:X4=5"#),
        ("x=5; 0:X1=x; 0:X4=4; 0:X5=6", ["CASAL W4,W5,[X1]"], #"x=5 /\ 0:X4=5"#),
        ("[x]=P0:l0; 0: X1 = x", ["LDR X2,[X1]", "BR X2", "MOV W0,#1", "l0:"], #"0:X0=0 /\ 0:X2=label:"P0:l0""#),
        ("", ["BL l0", "B l1", "l0: MOV W0,#1", "RET", "l1:"], "0:X0=1"),
        ("0:X1=P0:m0", ["m0: B l0", "NOP", "l0: LDR W0,[X1]"], #"0:X0=instr:"B .+8""#),
        ("0:X1=P0:m0", ["m0: NOP", "LDR W0,[X1]"], #"0:X0=NOP => 0:X2=0"#),
        ("0:X1=P0:m0", ["B m1", "m0: UDF #3", "m1: LDR W0,[X1]"], "0:X0=3"),
        ("0:X1=P0:m0; 0:X2=P0:l1", ["m0: ADR X3,l1", "CMP X3,X2", "CSET W0,EQ", "l1:"], "0:X0=1"),
    ])
    func instructionsDoWhatTheManualSays(_ state: String, _ code: [String], _ condition: String) {
        #expect(isCertain(state, code, condition) == "certain")
    }

    /// Code and data at one page; a label of another thread; a filter that leaves nothing; a handler that comes back.
    @Test(arguments: [
        (
            "pte_x=(oa:phy_x); pte_m0=(oa:phy_x); 0:X0=NOP; 0:X1=x",
            "STR W0,[X1] | m0: B l0 ;\n | MOV W9,#1 ;\n | l0: ",
            "exists (1:X9=1)", "A"
        ),
        ("0:X9=1", "MOV W9,#2 | NOP", "filter (0:X9=1) exists (0:X9=1)", "F"),
        ("", "BL f | B l1 ;\n | f: MOV W9,#1 ;\n | RET ;\n | l1: ", "exists (not (0:X9=1))", "F"),
        ("", "MOV W9,#1 | NOP", "forall (0:X9=1 \\/ false)", "A"),
    ])
    func whatIsRareIsReadToo(_ state: String, _ rows: String, _ condition: String, _ expected: String) {
        let text = "AArch64 x\n{ \(state) }\n P0 | P1 ;\n \(rows) ;\n\(condition)"
        let found: String =
            switch Litmus.decide(text).verdict {
            case .allowed: "A"
            case .forbidden: "F"
            case .unsupported(let what): what
            }
        #expect(found == expected)
    }
}
