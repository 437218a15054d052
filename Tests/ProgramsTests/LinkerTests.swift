import Foundation
import Patching
import Testing

@testable import Programs

/// What linkers do to the tables of sites.
@Suite struct LinkerTests {
    static let shared = """
        struct Shared { int base; __attribute__((noinline)) int value(int a) const { return a * 3 + base; } };
        """

    private func table(of image: ModuleImage) -> ElfFile.Section? {
        image.elf.section(named: "__patchable_function_entries")
    }

    /// gcc ties the table of a C++ unit to a COMDAT copy that the linker drops: entries of `second`
    /// and `third` are in no table, and must be found by their bytes.
    @Test(arguments: ["-fcf-protection=none", "-fcf-protection=full"])
    func droppedTable(protection: String) throws {
        let folder = Built.folder.appendingPathComponent("comdat\(protection)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let first =
            Self.shared + """
                int first(int a) { return Shared{a}.value(a) + 1; }
                int second(int);
                int main(int argc, char **) { return first(argc) + second(argc); }
                """
        let second =
            Self.shared + """
                int third(int a) { return Shared{a}.value(a); }
                int second(int a) { return third(a) + 2; }
                """
        let (a, b) = (folder.appendingPathComponent("a.cpp"), folder.appendingPathComponent("b.cpp"))
        try first.write(to: a, atomically: true, encoding: .utf8)
        try second.write(to: b, atomically: true, encoding: .utf8)
        let path = folder.appendingPathComponent("program").path
        try Built.run(["g++", "-O0", protection, "-fpatchable-function-entry=5", a.path, b.path, "-o", path])
        let image = try ModuleImage.read(path: path)
        let listed = try #require(table(of: image)).byteCount / 8
        #expect(listed == 3, "the second unit's table was not dropped, so this shows nothing")
        let names = image.sites.filter(\.isTraceable).map(\.function.name)
        #expect(names.sorted() == ["_Z5firsti", "_Z5thirdi", "_Z6secondi", "_ZNK6Shared5valueEi", "main"])
        let oracle = try Oracle.functions(in: path)
        for case .traceable(let site, _, _) in image.sites.map(\.verdict) {
            let function = try #require(image.sites.first { $0.address == site.address }).function
            #expect(function.address == oracle[function.name])
            #expect(site.address == function.address + (protection.hasSuffix("full") ? 4 : 0))
        }
    }

    /// Relative relocations in their packed form, where the addends stand in the table itself.
    @Test(arguments: ["-pie -fPIE", "-shared -fPIC"])
    func packedRelocations(kind: String) throws {
        let path = try Built.program(
            Built.sample,
            "clang-19 -O2 \(kind) -fpatchable-function-entry=5 --ld-path=/usr/bin/ld.lld-19 -Wl,-z,pack-relative-relocs"
        )
        let image = try ModuleImage.read(path: path)
        let section = try #require(table(of: image))
        let relocations = try Built.run(["readelf", "-rW", path])
        #expect(relocations.contains("'.relr.dyn'"))
        #expect(!relocations.contains("R_X86_64_RELATIVE"), "all relative relocations are packed")
        #expect(section.byteCount / 8 == UInt64(Built.functions.count))
        let oracle = try Oracle.functions(in: path)
        #expect(Set(image.sites.filter(\.isTraceable).map(\.function.name)) == Built.functions)
        #expect(image.sites.allSatisfy { $0.function.address == oracle[$0.function.name] })
    }
}
