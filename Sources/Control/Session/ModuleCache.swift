import Glibc
import MachineCode
import Programs

/// Parsed modules of a session: a file is read once, for however many processes map it.
final class ModuleCache {
    private struct Key: Hashable {
        var device: UInt64
        var inode: UInt64
        var byteCount: Int64
    }

    private struct Entry {
        var image: ModuleImage
        var traced: TracedModule?
    }

    private var entries: [Key: Entry] = [:]
    let functions: FunctionTable

    private let accepted: Set<InstructionSet>

    init(functions: FunctionTable, accepted: Set<InstructionSet> = [.x86_64]) {
        self.functions = functions
        self.accepted = accepted
    }

    /// Reads a module, or finds it. Nil when the file can't be read.
    func module(path: String) -> (image: ModuleImage, traced: TracedModule?)? {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        let key = Key(device: UInt64(status.st_dev), inode: UInt64(status.st_ino), byteCount: Int64(status.st_size))
        if let known = entries[key] { return (known.image, known.traced) }
        guard let image = try? ModuleImage.read(path: path, accepting: accepted) else { return nil }
        let traced = functions.add(image)
        entries[key] = Entry(image: image, traced: traced)
        return (image, traced)
    }
}
