import MachineCode
import TraceFormat

/// A run of stubs of one kind: what one entry of the unwind table covers. Runtime addresses.
struct StubRun {
    var start: UInt64
    var stubCount: Int
    var stride: Int
    /// Where the frame codes of the kind's template lie, one byte for each byte of code.
    var frameCodes: UInt64
    /// Arm: the frames of its words.
    var frames: [ArmStubFrame] = []
}

/// The unwind table of an arena, in .eh_frame format: one CIE and one FDE a kind of stub.
///
/// While the body runs, a stub is an ordinary frame: the return address at [rbx], the caller's
/// rbx at [rbx + 8], the stack pointer unchanged. A signal may also find the stub at any other
/// instruction; so the rules compute where in its stub the frame stands, and look up what holds
/// there (`StubFrame`). One FDE thus serves any number of stubs.
///
/// libgcc tells frames apart by their CFA, and the stub's would equal its caller's; so CFA =
/// rsp + 1, with a rule of its own for rsp.
/// Source: DWARF 5 section 6.4; LSB 5 "Exception Frames"; register numbers of the x86-64 psABI.
public enum UnwindTable {
    /// An upper bound.
    static func maximumByteCount(siteCount: Int, isa: InstructionSet) -> Int {
        isa == .a64 ? 768 + siteCount * A64UnwindTable.maximumEntryByteCount : 768
    }

    private enum Register {
        static let rbx: UInt8 = 3
        static let rsp: UInt8 = 7
        static let returnAddress: UInt8 = 16
    }

    /// - Parameter personality: runtime address of the routine that is told of every unwound frame;
    ///   0 for none.
    /// - Parameters:
    ///   - address: where the table will lie.
    ///   - personalityWay: a place in the arena from where the personality is reached.
    static func bytes(
        runs: [StubRun], personality: UInt64, isa: InstructionSet = .x86_64, at address: UInt64 = 0,
        personalityWay: UInt64 = 0
    ) -> [UInt8] {
        switch isa {
        case .x86_64: bytes(runs: runs, personality: personality)
        case .a64: A64UnwindTable.bytes(runs: runs, personality: personality)
        case .a32, .t32: ArmIndexTable.bytes(runs: runs, at: address, personalityWay: personalityWay)
        }
    }

    private static func bytes(runs: [StubRun], personality: UInt64) -> [UInt8] {
        var table = ByteWriter()
        let cie = self.cie(personality: personality)
        table.fixed(UInt32(cie.count))
        table.append(cie)
        for run in runs where run.stubCount > 0 {
            let body = fde(run, cieDistance: UInt32(table.bytes.count + 4))
            table.fixed(UInt32(body.count))
            table.append(body)
        }
        table.fixed(UInt32(0))  // the end
        return table.bytes
    }

    private static func cie(personality: UInt64) -> [UInt8] {
        var cie = ByteWriter()
        cie.fixed(UInt32(0))
        cie.append([1] + Array((personality == 0 ? "z\0" : "zP\0").utf8))
        cie.varint(UInt64(1))  // code alignment
        cie.append([0x78])  // data alignment -8
        cie.varint(UInt64(Register.returnAddress))
        cie.varint(UInt64(personality == 0 ? 0 : 9))  // augmentation: one encoding byte, one address
        if personality != 0 {
            cie.append([0x00])
            cie.fixed(personality)
        }
        cie.append([0x0c, Register.rsp, 1])  // DW_CFA_def_cfa rsp + 1
        cie.align(to: 8, plus: 4)
        return cie.bytes
    }

    private static func fde(_ run: StubRun, cieDistance: UInt32) -> [UInt8] {
        var fde = ByteWriter()
        fde.fixed(cieDistance)
        fde.fixed(run.start)
        fde.fixed(UInt64(run.stubCount * run.stride))
        fde.varint(UInt64(0))  // no augmentation data
        fde.rule(0x10, Register.returnAddress, returnAddress(run))  // DW_CFA_expression
        fde.rule(0x16, Register.rbx, savedRegister(run))  // DW_CFA_val_expression
        fde.rule(0x16, Register.rsp, stackPointer(run))
        fde.align(to: 8, plus: 4)
        return fde.bytes
    }

    /// Pushes the frame code of the instruction where the stub stands.
    private static func frameCode(_ run: StubRun) -> DwarfExpression {
        var code = DwarfExpression()
        code.register(Register.returnAddress)
        code.constant(run.start)
        code.minus()
        code.constant(UInt64(run.stride))
        code.modulo()
        code.constant(run.frameCodes)
        code.plus()
        code.dereferenceByte()
        return code
    }

    /// Pushes the address of the return address on the stack; pops the frame code.
    private static func onStack(plus offset: UInt8) -> DwarfExpression {
        var place = DwarfExpression()
        place.constant(byte: StubFrame.wordMask)
        place.and()
        place.constant(byte: 8)
        place.times()
        place.register(Register.rsp, plus: offset)
        place.plus()
        return place
    }

    private static func inEntry(_ register: UInt8) -> DwarfExpression {
        var place = DwarfExpression()
        place.drop()
        place.register(register)
        return place
    }

    private static func returnAddress(_ run: StubRun) -> DwarfExpression {
        var rule = frameCode(run)
        rule.duplicate()
        rule.constant(byte: StubFrame.inEntryBit)
        rule.and()
        rule.choose(inEntry(Register.rbx), else: onStack(plus: 0))
        return rule
    }

    private static func stackPointer(_ run: StubRun) -> DwarfExpression {
        var rule = frameCode(run)
        rule.duplicate()
        rule.constant(byte: StubFrame.inEntryBit)
        rule.and()
        rule.choose(inEntry(Register.rsp), else: onStack(plus: 8))
        return rule
    }

    private static func savedRegister(_ run: StubRun) -> DwarfExpression {
        var saved = DwarfExpression()
        saved.register(Register.rbx, plus: 8)
        saved.dereference()
        var same = DwarfExpression()
        same.register(Register.rbx)
        var rule = frameCode(run)
        rule.constant(byte: StubFrame.savedRegisterBit)
        rule.and()
        rule.choose(saved, else: same)
        return rule
    }
}

extension ByteWriter {
    mutating func append(_ bytes: [UInt8]) {
        for byte in bytes { fixed(byte) }
    }

    fileprivate mutating func rule(_ operation: UInt8, _ register: UInt8, _ expression: DwarfExpression) {
        append([operation, register])
        varint(UInt64(expression.bytes.count))
        append(expression.bytes)
    }

    /// Pads with zeros (DW_CFA_nop) until count + plus is a multiple.
    mutating func align(to multiple: Int, plus: Int) {
        while (bytes.count + plus) % multiple != 0 { fixed(UInt8(0)) }
    }
}
