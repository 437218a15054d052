/// Where the fields of a symbol lie in a table of an ELF file, bytes.
///
/// Source: the ELF specification, Elf32_Sym and Elf64_Sym.
struct SymbolLayout: Equatable, Sendable {
    var byteCount: Int
    var info: Int
    var section: Int
    var value: Int
    var size: Int
    /// Addresses and sizes have four bytes and not eight.
    var isNarrow: Bool

    static let of64Bits = SymbolLayout(byteCount: 24, info: 4, section: 6, value: 8, size: 16, isNarrow: false)
    static let of32Bits = SymbolLayout(byteCount: 16, info: 12, section: 14, value: 4, size: 8, isNarrow: true)

    /// The value of the symbol that begins at `start`; nil outside of the table.
    func value(in symbols: FileBytes, at start: Int) -> UInt64? { number(in: symbols, at: start + value) }

    func number(in symbols: FileBytes, at offset: Int) -> UInt64? {
        isNarrow ? symbols.integer(at: offset, as: UInt32.self).map(UInt64.init) : symbols.integer(at: offset)
    }
}
