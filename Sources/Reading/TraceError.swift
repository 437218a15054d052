import Glibc
import TraceFormat

/// Why a file cannot be read as a trace at all.
public enum TraceError: Error, Equatable, Sendable, CustomStringConvertible {
    case cannotOpen(path: String, errno: Int32)
    case notAFile(path: String)
    case empty(path: String)
    case foreign(path: String)
    case otherVersion(path: String, version: UInt32)
    case cannotRead(path: String, errno: Int32)

    public var description: String {
        switch self {
        case .cannotOpen(let path, ENOENT):
            "there is no file \(path); record one with: nopal record -o \(path) -- PROGRAM"
        case .cannotOpen(let path, let code): "cannot open \(path): \(String(cString: strerror(code)))"
        case .notAFile(let path): "\(path) is not a regular file; name the trace that nopal record wrote"
        case .empty(let path): "\(path) is empty: nothing was recorded into it"
        case .foreign(let path): "\(path) is not a Nopal trace (it does not begin with NOPALTRC)"
        case .otherVersion(let path, let version):
            "\(path) has trace format version \(version), this nopal reads version \(TraceFile.version); use the nopal that recorded it"
        case .cannotRead(let path, let code): "cannot read \(path): \(String(cString: strerror(code)))"
        }
    }
}
