import Glibc

/// Why an export ended early. The message says what, where, and what to do.
public enum ExportError: Error, Equatable, CustomStringConvertible {
    /// The output cannot be made. `code` is errno.
    case cannotCreate(path: String, code: Int32)
    /// Writing stopped after `byteCount` bytes. `code` is errno.
    case cannotWrite(path: String, code: Int32, byteCount: UInt64)

    public var description: String {
        switch self {
        case .cannotCreate(let path, let code):
            return "cannot create \(path): \(errorText(code)); choose another place with -o"
        case .cannotWrite(let path, let code, let byteCount):
            return "cannot write \(path): \(errorText(code)) after \(byteCount) bytes; "
                + "what was written there is incomplete and was removed if it was a plain file"
        }
    }
}

/// The system's words for an errno.
private func errorText(_ code: Int32) -> String {
    String(cString: strerror(code))
}
