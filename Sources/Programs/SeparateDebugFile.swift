import CElfutils
import Glibc

/// Finds the file that holds a stripped module's symbols and DWARF: by build id, then by the name
/// in .gnu_debuglink. Nothing is fetched from the network.
enum SeparateDebugFile {
    private static let root = "/usr/lib/debug"

    /// The path of a debug file whose build id (or checksum, for a link) is right; nil if none.
    static func path(for elf: ElfFile) -> String? {
        let buildID = elf.buildID
        if let byID = pathByBuildID(buildID), matches(byID, buildID: buildID) { return byID }
        guard let link = linkName(of: elf) else { return nil }
        let folder = self.folder(of: elf.path)
        let candidates = ["\(folder)/\(link.name)", "\(folder)/.debug/\(link.name)", "\(root)\(folder)/\(link.name)"]
        return candidates.first { candidate in
            guard candidate != elf.path, access(candidate, R_OK) == 0 else { return false }
            return buildID.isEmpty ? checksum(of: candidate) == link.checksum : matches(candidate, buildID: buildID)
        }
    }

    private static func pathByBuildID(_ id: [UInt8]) -> String? {
        guard id.count > 1 else { return nil }
        let digits = id.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        let path = "\(root)/.build-id/\(digits[0])/\(digits[1...].joined()).debug"
        return access(path, R_OK) == 0 ? path : nil
    }

    private static func matches(_ path: String, buildID: [UInt8]) -> Bool {
        guard let other = try? ElfFile(path: path) else { return false }
        return other.buildID == buildID
    }

    private static func linkName(of elf: ElfFile) -> (name: String, checksum: UInt32)? {
        var checksum: GElf_Word = 0
        guard let name = dwelf_elf_gnu_debuglink(elf.handle, &checksum) else { return nil }
        let text = String(cString: name)
        // A name with a slash could lead anywhere: it is meant to be a file name.
        return text.isEmpty || text.contains("/") ? nil : (text, checksum)
    }

    private static func folder(of path: String) -> String {
        guard let resolved = realpath(path, nil) else { return "." }
        defer { free(resolved) }
        let text = String(cString: resolved)
        return text.lastIndex(of: "/").map { String(text[..<$0]) } ?? "."
    }

    /// The CRC-32 that .gnu_debuglink holds (polynomial EDB88320, as in zip).
    private static func checksum(of path: String) -> UInt32? {
        guard let file = try? MappedFile(path: path) else { return nil }
        var checksum: UInt32 = ~0
        for byte in file.bytes { checksum = table[Int((checksum ^ UInt32(byte)) & 0xFF)] ^ (checksum >> 8) }
        return ~checksum
    }

    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1 }
    }
}
