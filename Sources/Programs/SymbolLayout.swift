/// Where the fields of a symbol lie in a table of an ELF file, bytes.
///
/// Source: the ELF specification, Elf32_Sym and Elf64_Sym.
struct SymbolLayout: Equatable, Sendable {
    var byteCount: Int
    var info: Int
    var section: Int
    /// This and the size are words of the file's size.
    var value: Int
    var size: Int

    static let of64Bits = SymbolLayout(byteCount: 24, info: 4, section: 6, value: 8, size: 16)
    static let of32Bits = SymbolLayout(byteCount: 16, info: 12, section: 14, value: 4, size: 8)
}
