import TraceFormat

/// The unwind table of an arena: one CIE and one FDE in .eh_frame format for all stubs.
///
/// At the call of the body, and while the body runs, a stub is an ordinary frame: the return
/// address at [rbx], the caller's rbx at [rbx + 8], the stack pointer unchanged. libgcc tells
/// frames apart by their CFA, and the stub's would equal its caller's; so CFA = rsp + 1, with a
/// rule of its own for rsp.
/// Source: DWARF 5 section 6.4; LSB 5 "Exception Frames"; register numbers of the x86-64 psABI.
public enum UnwindTable {
    public static let maximumByteCount = 160

    private enum Register {
        static let rbx: UInt64 = 3
        static let rsp: UInt64 = 7
        static let returnAddress: UInt64 = 16
    }

    /// - Parameters:
    ///   - start: runtime address of the first stub.
    ///   - byteCount: bytes that all stubs take.
    ///   - personality: runtime address of the routine that is told of every unwound frame.
    static func bytes(start: UInt64, byteCount: UInt64, personality: UInt64) -> [UInt8] {
        var table = ByteWriter()
        let cie = self.cie(personality: personality)
        table.fixed(UInt32(cie.count))
        table.append(cie)
        let fdeOffset = UInt32(table.bytes.count + 4)
        var fde = ByteWriter()
        fde.fixed(fdeOffset)  // back to the CIE, which is at 0
        fde.fixed(start)
        fde.fixed(byteCount)
        fde.varint(UInt64(0))  // no augmentation data
        fde.align(to: 8, plus: 4)
        table.fixed(UInt32(fde.bytes.count))
        table.append(fde.bytes)
        table.fixed(UInt32(0))  // the end
        return table.bytes
    }

    private static func cie(personality: UInt64) -> [UInt8] {
        var cie = ByteWriter()
        cie.fixed(UInt32(0))
        cie.append([1] + Array("zP\0".utf8))
        cie.varint(UInt64(1))  // code alignment
        cie.append([0x78])  // data alignment -8
        cie.varint(Register.returnAddress)
        cie.varint(UInt64(9))  // augmentation: one encoding byte, one address
        cie.append([0x00])
        cie.fixed(personality)
        cie.append([0x0c])  // DW_CFA_def_cfa rsp + 1
        cie.varint(Register.rsp)
        cie.varint(UInt64(1))
        cie.append([0x16])  // DW_CFA_val_expression rsp: DW_OP_breg7 0
        cie.varint(Register.rsp)
        cie.append([2, 0x77, 0])
        cie.append([0x10])  // DW_CFA_expression return address: DW_OP_breg3 0
        cie.varint(Register.returnAddress)
        cie.append([2, 0x73, 0])
        cie.append([0x10])  // DW_CFA_expression rbx: DW_OP_breg3 8
        cie.varint(Register.rbx)
        cie.append([2, 0x73, 8])
        cie.align(to: 8, plus: 4)
        return cie.bytes
    }
}

extension ByteWriter {
    fileprivate mutating func append(_ bytes: [UInt8]) {
        for byte in bytes { fixed(byte) }
    }

    /// Pads with zeros (DW_CFA_nop) until count + plus is a multiple.
    fileprivate mutating func align(to multiple: Int, plus: Int) {
        while (bytes.count + plus) % multiple != 0 { fixed(UInt8(0)) }
    }
}
