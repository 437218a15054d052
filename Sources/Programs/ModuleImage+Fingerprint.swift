import CElfutils

extension ModuleImage {
    /// Bytes that tell this build of the file from others, where they are loaded: the build id, or without one the ELF
    /// header, which says where the file's last part lies. At most 32; link-time address.
    public var fingerprint: (address: UInt64, bytes: [UInt8])? {
        let limit = 32
        if !buildID.isEmpty,
            let note = elf.sections.first(where: { $0.name == ".note.gnu.build-id" && $0.address != 0 }),
            note.byteCount >= UInt64(buildID.count)
        {
            // The id is the last thing in its note.
            let address = note.address + note.byteCount - UInt64(buildID.count)
            let bytes = Array(buildID.prefix(limit))
            if code(at: address, count: bytes.count) == bytes { return (address, bytes) }
        }
        // e_entry, e_phoff, e_shoff and what follows.
        return code(at: lowestAddress + 24, count: limit).map { (lowestAddress + 24, $0) }
    }
}
