import Glibc
import MachineCode
import Patching

/// What can go wrong while a program is started and recorded; each says what, where, and what helps.
public enum ControlError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A system call failed.
    case system(what: String, errno: Int32)
    /// The agent does not lie where the command looks for it.
    case agentMissing(name: String, places: [String])
    /// A message of the agent does not follow the protocol.
    case badMessage(String)
    /// No room for an arena within a branch's reach of a module.
    case noArena(module: String, byteCount: Int, isa: InstructionSet)
    /// A target that programs can't be run on; the sentence.
    case badTarget(String)
    /// A file that is not what it should be; the sentence.
    case badFile(String)
    /// Functions could be traced, but the options chose none.
    case nothingSelected(process: Int32)
    /// What the host of a session said.
    case refused(String)
    case patternsTooLong

    public var description: String {
        switch self {
        case .system(let what, let errno):
            "\(what): \(String(cString: strerror(errno)))"
        case .agentMissing(let name, let places):
            "the agent \(name) is missing; looked in \(places.joined(separator: ", ")). "
                + "Build it with 'make build', or install with 'make install'"
        case .badMessage(let what):
            "the agent sent a message that does not follow the protocol (\(what)); "
                + "is it of another version of nopal?"
        case .noArena(let module, let byteCount, let isa):
            "no free \(byteCount) bytes of address space within \(isa.branchReachText) of \(module); it is not traced"
        case .badTarget(let sentence), .badFile(let sentence): sentence
        case .nothingSelected(let process):
            "no function of process \(process) that can be traced matches -F and -N; 'nopal sites --live \(process)' lists them"
        case .refused(let sentence): sentence
        case .patternsTooLong: "the patterns have more than 4096 bytes together; use fewer, or shorter ones"
        }
    }

    static func check(_ result: Int32, _ what: String) throws(ControlError) -> Int32 {
        if result < 0 { throw .system(what: what, errno: -result) }
        return result
    }
}
