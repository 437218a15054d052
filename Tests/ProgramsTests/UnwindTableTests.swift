import CElfutils
import Testing

@testable import Programs

/// The unwind rows against libdw's.
@Suite struct UnwindTableTests {
    @Test(arguments: ["gcc -O0", "gcc -O2", "gcc -Os", "clang-19 -O0", "clang-19 -O2", "gcc -O2 -mstackrealign"])
    func rowsAgreeWithLibdw(command: String) throws {
        let elf = try ElfFile(path: Built.program(Built.sample, command))
        var table = try #require(UnwindTable(elf: elf))
        let frames = try #require(dwarf_getcfi_elf(elf.handle))
        var compared = 0
        for range in table.ranges() {
            var rows: [UnwindTable.Row] = []
            guard table.findRows(&rows, ofFunctionAt: range.lowerBound) else {
                Issue.record("no rows at \(range.lowerBound)")
                continue
            }
            for address in range {
                let row = try #require(rows.last { $0.codeOffset <= address - range.lowerBound })
                guard row.register != nil else { continue }
                #expect(try cfa(frames, address) == [row.register ?? 0, UInt64(bitPattern: row.offset)])
                compared += 1
            }
        }
        #expect(compared > 100)
    }

    /// Register and offset of the CFA.
    private func cfa(_ frames: OpaquePointer, _ address: UInt64) throws -> [UInt64] {
        var frame: OpaquePointer?
        #expect(dwarf_cfi_addrframe(frames, address, &frame) == 0)
        var operations: UnsafeMutablePointer<Dwarf_Op>?
        var count = 0
        #expect(dwarf_frame_cfa(frame, &operations, &count) == 0)
        let first = try #require(operations).pointee
        // DW_OP_bregN offset, or DW_OP_bregx register offset.
        return first.atom == 0x92 ? [first.number, first.number2] : [UInt64(first.atom) - 0x70, first.number]
    }
}
