import TraceFormat

/// A DWARF expression under construction.
///
/// Source: DWARF 5 section 2.5 (operations) and 7.7.1 (their codes). Registers by the numbers of
/// the x86-64 psABI: 3 rbx, 7 rsp, 16 the return address column, which holds the frame's own pc.
struct DwarfExpression {
    private(set) var bytes: [UInt8] = []

    mutating func register(_ number: UInt8, plus offset: UInt8 = 0) { bytes += [0x70 + number, offset] }
    mutating func constant(_ value: UInt64) {
        bytes.append(0x0e)
        for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }
    mutating func constant(byte: UInt8) { bytes += [0x08, byte] }
    mutating func dereference() { bytes.append(0x06) }
    mutating func dereferenceByte() { bytes += [0x94, 1] }
    mutating func duplicate() { bytes.append(0x12) }
    mutating func drop() { bytes.append(0x13) }
    mutating func and() { bytes.append(0x1a) }
    mutating func minus() { bytes.append(0x1c) }
    mutating func modulo() { bytes.append(0x1d) }
    mutating func times() { bytes.append(0x1e) }
    mutating func plus() { bytes.append(0x22) }

    /// Pops a condition: `yes` when it is not zero, else `no`.
    mutating func choose(_ yes: DwarfExpression, else no: DwarfExpression) {
        // DW_OP_bra over `no` and the DW_OP_skip that ends it.
        bytes += [0x28] + DwarfExpression.distance(no.bytes.count + 3) + no.bytes
        bytes += [0x2f] + DwarfExpression.distance(yes.bytes.count) + yes.bytes
    }

    private static func distance(_ count: Int) -> [UInt8] {
        [UInt8(truncatingIfNeeded: count), UInt8(truncatingIfNeeded: count >> 8)]
    }
}
