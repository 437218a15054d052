import TraceFormat

/// The unwind table of an AArch64 arena, in .eh_frame format: one CIE, and one FDE a stub, since no register tells rules
/// where in its stub a frame stands.
///
/// CFA = sp + 1, with a rule of its own for sp: see `UnwindTable`. But where the return address is the kernel's return
/// from a signal handler, CFA = sp: libgcc finds the interrupted registers by the handler's CFA.
/// Source: DWARF 5 section 6.4; register numbers of the AArch64 DWARF supplement.
enum A64UnwindTable {
    private enum Register {
        static let scratch: UInt8 = 17
        static let stub: UInt8 = 19
        static let link: UInt8 = 30
        static let stack: UInt8 = 31
    }

    static let maximumEntryByteCount = 272

    /// `mov x8, #139; svc #0`: rt_sigreturn. Source: libgcc/config/aarch64/linux-unwind.h knows a signal's frame by it.
    private static let signalReturn: UInt64 = 0xd400_0001_d280_1168

    static func bytes(runs: [StubRun], personality: UInt64) -> [UInt8] {
        var table = ByteWriter()
        let cie = self.cie(personality: personality)
        table.fixed(UInt32(cie.count))
        table.append(cie)
        for run in runs where run.stubCount > 0 {
            let rows = rows(run.frames)
            for index in 0..<run.stubCount {
                var fde = ByteWriter()
                fde.fixed(UInt32(table.bytes.count + 4))
                fde.fixed(run.start &+ UInt64(index * run.stride))
                fde.fixed(UInt64(run.stride))
                fde.varint(UInt64(0))  // no augmentation data
                fde.append(rows)
                fde.align(to: 8, plus: 4)
                table.fixed(UInt32(fde.bytes.count))
                table.append(fde.bytes)
            }
        }
        table.fixed(UInt32(0))  // the end
        return table.bytes
    }

    private static func cie(personality: UInt64) -> [UInt8] {
        var cie = ByteWriter()
        cie.fixed(UInt32(0))
        cie.append([1] + Array((personality == 0 ? "z\0" : "zP\0").utf8))
        cie.varint(UInt64(4))  // code alignment
        cie.append([0x78])  // data alignment -8
        cie.varint(UInt64(Register.link))
        cie.varint(UInt64(personality == 0 ? 0 : 9))  // augmentation: one encoding byte, one address
        if personality != 0 {
            cie.append([0x00])
            cie.fixed(personality)
        }
        cie.append(frameAddress(isInEntry: false))
        cie.append(stackRule(0))
        cie.align(to: 8, plus: 4)
        return cie.bytes
    }

    /// DW_CFA_def_cfa_expression sp + (what stands at the return address is not a signal's return). Where the link
    /// register holds something else than the return address, it is an address in the stub.
    private static func frameAddress(isInEntry: Bool) -> [UInt8] {
        var expression: [UInt8] = isInEntry ? [0x70 + Register.stub, 0, 0x06] : [0x70 + Register.link, 0]
        expression.append(0x06)  // DW_OP_deref
        expression.append(0x0e)  // DW_OP_const8u
        for shift in stride(from: UInt64(0), to: 64, by: 8) {
            expression.append(UInt8(truncatingIfNeeded: signalReturn >> shift))
        }
        expression += [0x2e, 0x70 + Register.stack, 0, 0x22]  // DW_OP_ne, DW_OP_breg31, DW_OP_plus
        return [0x0f, UInt8(expression.count)] + expression
    }

    /// DW_CFA_val_expression sp = sp + offset.
    private static func stackRule(_ offset: UInt8) -> [UInt8] {
        [0x16, Register.stack, 2, 0x70 + Register.stack, offset]
    }

    /// What changes from word to word.
    private static func rows(_ frames: [ArmStubFrame]) -> [UInt8] {
        var rows: [UInt8] = []
        var last = ArmStubFrame()
        var lastChange = 0
        for (index, frame) in frames.enumerated() where frame != last {
            var advance = index - lastChange
            while advance > 0 {
                rows.append(0x40 | UInt8(min(advance, 63)))  // DW_CFA_advance_loc
                advance -= min(advance, 63)
            }
            lastChange = index
            if frame.stackByteCount != last.stackByteCount { rows += stackRule(frame.stackByteCount) }
            if frame.returnAddress != last.returnAddress {
                rows += returnAddressRule(frame.returnAddress)
                if (frame.returnAddress == .entry) != (last.returnAddress == .entry) {
                    rows +=
                        frame.returnAddress == .entry
                        ? [0x10, Register.stub, 2, 0x70 + Register.stub, 8] : [0x08, Register.stub]
                    rows += frameAddress(isInEntry: frame.returnAddress == .entry)
                }
            }
            last = frame
        }
        return rows
    }

    private static func returnAddressRule(_ place: ArmStubFrame.ReturnAddress) -> [UInt8] {
        switch place {
        case .link: [0x08, Register.link]  // DW_CFA_same_value
        case .scratch: [0x09, Register.link, Register.scratch]  // DW_CFA_register
        case .stack(let offset): [0x10, Register.link, 2, 0x70 + Register.stack, offset]  // DW_CFA_expression
        case .entry: [0x10, Register.link, 2, 0x70 + Register.stub, 0]
        case .unknown: [0x07, Register.link]  // DW_CFA_undefined
        }
    }
}
