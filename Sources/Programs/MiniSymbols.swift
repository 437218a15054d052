import CElfutils

/// The symbols of .gnu_debugdata, the compressed table that Fedora and others leave in stripped
/// programs, read through libdwfl.
enum MiniSymbols {
    /// Name, address and size of every function in it; empty where there is no such section.
    static func functions(of elf: ElfFile) -> [FunctionSymbol] {
        guard elf.section(named: ".gnu_debugdata") != nil, let session = DebugSession(path: elf.path, debugPath: nil)
        else { return [] }
        let count = dwfl_module_getsymtab(session.module)
        var functions: [FunctionSymbol] = []
        for index in 0..<max(0, count) {
            var symbol = GElf_Sym()
            var address: GElf_Addr = 0
            guard let name = dwfl_module_getsym_info(session.module, index, &symbol, &address, nil, nil, nil),
                symbol.st_info & 0xF == UInt8(STT_FUNC), symbol.st_shndx != 0
            else { continue }
            functions.append(
                FunctionSymbol(
                    name: String(cString: name), address: address &- session.bias, byteCount: symbol.st_size))
        }
        return functions
    }
}
