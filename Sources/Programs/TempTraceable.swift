import Glibc
public struct TraceableProgram: Sendable {
    public var path: String
    public var executable: String
    public var notes: [String]
    public var hasSites: Bool { true }
}
public func traceableProgram(_ name: String) throws(ProgramError) -> TraceableProgram { TraceableProgram(path: name, executable: name, notes: []) }
