import CElfutils
import MachineCode
import Patching

/// A compiler's fault that tracing has no part in.
extension ModuleImage {
    /// C++ for 32-bit Arm with NOPs of `-fpatchable-function-entry`: gcc 12 lays .fnstart before the NOPs, but counts the
    /// exception tables from behind them, so that what is thrown through such a function ends the program.
    public var hasShiftedExceptionTables: Bool {
        guard isa == .a32, elf.section(named: "__patchable_function_entries") != nil,
            elf.section(named: ".ARM.extab") != nil, sites.contains(where: Self.isOfNops)
        else { return false }
        return elf.sections.contains { section in
            let isTable = section.type == UInt32(SHT_DYNSYM) || section.type == UInt32(SHT_SYMTAB)
            return isTable && isNamed(Self.personality, in: section)
        }
    }

    /// What C++ functions with a table of their own name in it.
    private static let personality = StaticText("__gxx_personality_v0")

    private static func isOfNops(_ entry: FunctionSite) -> Bool {
        guard case .traceable(let site, _, _) = entry.verdict else { return false }
        switch site.shape {
        case .singleNop, .smallNops, .mixedNops: return true
        case .fentryCall, .mcountCall, .xraySled: return false
        }
    }

    /// Whether a symbol has the name, be it defined there or elsewhere.
    private func isNamed(_ name: StaticText, in table: ElfFile.Section) -> Bool {
        guard let symbols = elf.contents(of: table), let strings = FunctionTable.strings(of: table, in: elf) else {
            return false
        }
        let byteCount = elf.symbolLayout.byteCount
        return stride(from: 0, through: symbols.count - byteCount, by: byteCount).contains { start in
            symbols.integer(at: start, as: UInt32.self).map { strings.holds(name, at: Int($0)) } ?? false
        }
    }
}
