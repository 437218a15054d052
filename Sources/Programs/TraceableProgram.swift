import CElfutils
import CSupport
import Glibc
import MachineCode

/// A program that may be recorded, found and checked before it is started.
public struct TraceableProgram: Sendable {
    /// What was found for the name given: a path that execve takes.
    public var path: String
    /// The ELF executable that will run: `path`, or for a script its interpreter.
    public var executable: String
    /// Whether it, or a library that it names, was compiled with room for sites.
    public var hasSites: Bool
    /// What a person should know before recording: a script's interpreter is what is traced;
    /// nothing in the program was compiled for tracing.
    public var notes: [String]
    /// The loader that its file names; nil for a script.
    public var loader: String?
}

/// Checks a program to be recorded: found as execvp finds it, executable, dynamically linked
/// x86-64 ELF, not privileged. A script is answered for by its interpreter. Programs without a
/// single site pass, with a note: a library that is opened later may have some.
///
/// - Parameters:
///   - accepted: instruction sets that it may be of.
///   - sysroot: where its libraries are looked for first; nil for this machine's own.
///
/// Throws: one sentence for each of these, see `ProgramError`.
public func traceableProgram(
    _ name: String, accepting accepted: Set<InstructionSet> = [.x86_64], sysroot: String? = nil
) throws(ProgramError) -> TraceableProgram {
    let path = try executablePath(name)
    var program = TraceableProgram(path: path, executable: path, hasSites: true, notes: [])
    if let interpreter = scriptInterpreter(path) {
        guard access(interpreter, X_OK) == 0 else { throw .interpreterMissing(script: path, interpreter: interpreter) }
        program.executable = interpreter
        program.notes.append("\(path) is a script: what is traced is its interpreter, \(interpreter)")
    }
    try checkPrivileges(program.executable)
    let elf = try ElfFile(path: program.executable, accepting: accepted)
    program.loader = elf.loaderPath
    guard elf.segments.contains(where: { $0.type == UInt32(PT_INTERP) }) else {
        throw elf.dynamicValue(DT_SONAME) != nil
            ? .notLinked(path: program.executable, what: "a shared library") : .isStatic(path: program.executable)
    }
    program.hasSites = hasSites(elf, sysroot: sysroot)
    if !program.hasSites {
        program.notes.append(
            "\(program.executable) and its libraries have no sites: rebuild with \"$(nopal cflags)\" added to CFLAGS and CXXFLAGS"
        )
    }
    return program
}

/// What execvp would run: a name with a slash as it is, any other along PATH.
public func executablePath(_ name: String) throws(ProgramError) -> String {
    if name.contains("/") {
        guard access(name, F_OK) == 0 else { throw .noSuchProgram(name, isPath: true) }
        guard isExecutableFile(name) else { throw .notExecutable(path: name) }
        return name
    }
    let folders = getenv("PATH").map { String(cString: $0) } ?? "/bin:/usr/bin"
    for folder in folders.split(separator: ":", omittingEmptySubsequences: false) {
        let candidate = folder.isEmpty ? "./\(name)" : "\(folder)/\(name)"
        if isExecutableFile(candidate) { return candidate }
    }
    throw .noSuchProgram(name, isPath: false)
}

private func isExecutableFile(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
}

/// The program that a `#!` line names; nil when the file has none.
private func scriptInterpreter(_ path: String) -> String? {
    guard let file = try? MappedFile(path: path), let head = file.slice(offset: 0, byteCount: 2),
        head.array(0, count: 2) == Array("#!".utf8)
    else { return nil }
    let line = file.bytes.dropFirst(2).prefix(253).prefix { $0 != UInt8(ascii: "\n") }
    let word = line.drop { $0 == 0x20 || $0 == 0x09 }.prefix { $0 != 0x20 && $0 != 0x09 }
    return String(decoding: word, as: UTF8.self)
}

private func checkPrivileges(_ path: String) throws(ProgramError) {
    var status = stat()
    guard stat(path, &status) == 0 else { return }
    let gainsUser = status.st_mode & S_ISUID != 0 && status.st_uid != geteuid()
    let gainsGroup = status.st_mode & S_ISGID != 0 && status.st_gid != getegid()
    if gainsUser { throw .isPrivileged(path: path, what: "its owner's rights (setuid)") }
    if gainsGroup { throw .isPrivileged(path: path, what: "its group's rights (setgid)") }
    if getxattr(path, "security.capability", nil, 0) > 0 {
        throw .isPrivileged(path: path, what: "file capabilities")
    }
}

/// The libraries that a program is started with, each once, the program's own first: the file, and the name that it is
/// asked for by. Those that can't be read or found without the loader's cache are left out.
public func linkedLibraries(
    of path: String, accepting accepted: Set<InstructionSet>, sysroot: String?
) throws(ProgramError) -> [(path: String, name: String)] {
    var found: [(path: String, name: String)] = []
    var seen: Set<String> = []
    var waiting = [try ElfFile(path: path, accepting: accepted)]
    while !waiting.isEmpty {
        let elf = waiting.removeFirst()
        for path in neededLibraries(elf, sysroot: sysroot) {
            let name = path.split(separator: "/").last.map(String.init) ?? path
            guard seen.insert(name).inserted, let library = try? ElfFile(path: path, accepting: accepted) else {
                continue
            }
            found.append((path, name))
            waiting.append(library)
        }
    }
    return found
}

/// Whether the program or one of the libraries it names records sites or calls an entry hook.
/// Their bytes are not looked at: that is done once, when the program has started.
private func hasSites(_ elf: ElfFile, sysroot: String?) -> Bool {
    if recordsSites(elf) { return true }
    return neededLibraries(elf, sysroot: sysroot).contains { path in
        guard let library = try? ElfFile(path: path, accepting: [elf.isa]) else { return false }
        return recordsSites(library)
    }
}

private func recordsSites(_ elf: ElfFile) -> Bool {
    let sections = ["__patchable_function_entries", "__mcount_loc", "xray_instr_map"]
    return sections.contains { elf.section(named: $0) != nil } || !CallTargets(elf: elf).slots.isEmpty
}

/// The DT_NEEDED libraries, one level deep, where the loader would find them without its cache:
/// RUNPATH, LD_LIBRARY_PATH, the system's folders.
private func neededLibraries(_ elf: ElfFile, sysroot: String?) -> [String] {
    let origin = realpath(elf.path, nil).map { resolved in
        defer { free(resolved) }
        return String(cString: resolved).split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" }
    }
    var folders = getenv("LD_LIBRARY_PATH").map { String(cString: $0) }.map { [$0] } ?? []
    folders += (elf.dynamicValues(DT_RUNPATH) + elf.dynamicValues(DT_RPATH)).compactMap(elf.dynamicText)
    let standard =
        sysroot.map { ["\($0)/lib", "\($0)/usr/lib"] }
        ?? ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/usr/local/lib", "/lib64", "/usr/lib64", "/usr/lib"]
    let searched =
        folders.flatMap { $0.split(separator: ":") }.map { expanded(String($0), origin: origin ?? ".") }
        + standard
    return elf.dynamicValues(DT_NEEDED).compactMap(elf.dynamicText).compactMap { name in
        if name.contains("/") { return name }
        return searched.lazy.map { "\($0)/\(name)" }.first { access($0, R_OK) == 0 }
    }
}

private func expanded(_ folder: String, origin: String) -> String {
    for token in ["${ORIGIN}", "$ORIGIN"] where folder.hasPrefix(token) {
        return origin + folder.dropFirst(token.count)
    }
    return folder
}
