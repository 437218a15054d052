import Foundation
import Testing

@testable import Programs

@Suite struct ProcessMapsTests {
    @Test func ownProcess() throws {
        let maps = try ProcessMaps.read(process: getpid())
        #expect(maps.count > 20)
        #expect(zip(maps, maps.dropFirst()).allSatisfy { $0.end <= $1.start })
        #expect(maps.allSatisfy { $0.start < $0.end && $0.start % 4096 == 0 && $0.end % 4096 == 0 })
        #expect(maps.allSatisfy { $0.permissions.count == 4 })
        let code = try #require(dlsym(nil, "getpid"))
        let entry = try #require(maps.first { ($0.start..<$0.end).contains(UInt64(UInt(bitPattern: code))) })
        #expect(entry.permissions == "r-xp" && entry.path.contains("libc"))
        #expect(maps.contains { $0.path == "[vdso]" } && maps.contains { $0.path == "[stack]" })
        #expect(maps.contains { $0.path.isEmpty })
    }

    /// A name with spaces, mapped from an offset.
    @Test func ownMapping() throws {
        let path = Built.folder.appendingPathComponent("a name  with spaces").path
        try Data(repeating: 1, count: 3 * 4096).write(to: URL(fileURLWithPath: path))
        let file = open(path, O_RDONLY)
        defer { close(file) }
        let at = try #require(mmap(nil, 2 * 4096, PROT_READ, MAP_PRIVATE, file, 4096))
        defer { munmap(at, 2 * 4096) }
        let start = UInt64(UInt(bitPattern: at))
        let entry = try #require(try ProcessMaps.read(process: getpid()).first { $0.start == start })
        #expect(
            entry == MapEntry(start: start, end: start + 2 * 4096, permissions: "r--p", offset: 4096, path: path))
    }

    @Test func noSuchProcess() {
        #expect(throws: ProgramError.self) { try ProcessMaps.read(process: 0x7fff_fff0) }
    }
}
