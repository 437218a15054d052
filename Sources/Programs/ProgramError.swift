/// Why a program or library cannot be read or recorded. Each says what, where and what to do.
public enum ProgramError: Error, Equatable, Sendable, CustomStringConvertible {
    case noSuchProgram(String, isPath: Bool)
    case cannotOpen(path: String, reason: String)
    case notExecutable(path: String)
    case notELF(path: String)
    case malformed(path: String, what: String)
    case is32Bit(path: String)
    case foreignMachine(path: String, machine: String)
    case notLinked(path: String, what: String)
    case isStatic(path: String)
    case isPrivileged(path: String, what: String)
    case interpreterMissing(script: String, interpreter: String)

    /// What helps besides.
    private static func remedy(_ machine: String) -> String {
        switch machine {
        case "AArch64": "record it with --target qemu-aarch64, or "
        case "32-bit Arm": "record it with --target qemu-arm, or "
        default: ""
        }
    }

    public var description: String {
        switch self {
        case .noSuchProgram(let name, true): "\(name): no such file"
        case .noSuchProgram(let name, false): "\(name): no such program in PATH"
        case .cannotOpen(let path, let reason): "\(path): cannot be read: \(reason)"
        case .notExecutable(let path): "\(path): not executable; chmod +x it, or name a program"
        case .notELF(let path): "\(path): not an ELF file, so not a native Linux program or library"
        case .malformed(let path, let what): "\(path): damaged ELF file: \(what)"
        case .is32Bit(let path): "\(path): a 32-bit program; rebuild it for x86-64 to trace it here"
        case .foreignMachine(let path, let machine):
            "\(path): built for \(machine), and this is an x86-64 machine; \(Self.remedy(machine))rebuild it for x86-64"
        case .notLinked(let path, let what): "\(path): \(what), not a program or shared library; link it first"
        case .isStatic(let path):
            "\(path): statically linked, so no agent can be loaded into it; link it without -static"
        case .isPrivileged(let path, let what):
            "\(path): runs with \(what), where the loader refuses preloaded agents; trace a copy without it"
        case .interpreterMissing(let script, let interpreter):
            "\(script): its #! line names \(interpreter), which is not an executable program"
        }
    }
}
