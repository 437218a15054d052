import CElfutils

/// A place in a source file.
public struct SourceLine: Equatable, Hashable, Sendable {
    /// As the compiler recorded it, made absolute where it can be.
    public var file: String
    public var line: Int
}

/// Source lines of a module's addresses, from DWARF (its own or a separate debug file's). Made
/// when lines are asked for: recording never needs them.
public final class SourceLines {
    private let session: DebugSession?

    public init(of image: ModuleImage) {
        let debugPath = image.elf.section(named: ".debug_info") == nil ? SeparateDebugFile.path(for: image.elf) : nil
        session = DebugSession(path: image.path, debugPath: debugPath)
    }

    /// The line that the code at a link-time address comes from; nil without DWARF for it.
    public func line(at address: UInt64) -> SourceLine? {
        guard let session, let found = dwfl_module_getsrc(session.module, address &+ session.bias) else { return nil }
        var line: Int32 = 0
        guard let file = dwfl_lineinfo(found, nil, &line, nil, nil, nil) else { return nil }
        return SourceLine(file: String(cString: file), line: Int(line))
    }
}
