import CDemangle
import Glibc

@_silgen_name("swift_demangle")
private func swiftRuntimeDemangle(
    _ mangledName: UnsafePointer<CChar>?, _ mangledNameLength: UInt,
    _ outputBuffer: UnsafeMutablePointer<CChar>?, _ outputBufferSize: UnsafeMutablePointer<UInt>?,
    _ flags: UInt32
) -> UnsafeMutablePointer<CChar>?

/// The name a person would write for a linkage name: C++ (Itanium), Rust (v0 and legacy), D, Ada,
/// Swift; any other name is returned as it is.
///
/// Safe to call from every thread; it costs microseconds, so callers keep the result.
public func demangled(_ linkageName: String) -> String {
    let name = Substring(linkageName)
    if isSwift(name) { return swiftDemangled(linkageName) ?? linkageName }
    guard name.hasPrefix("_Z") || name.hasPrefix("_R") || name.hasPrefix("__Z") || name.hasPrefix("_D") else {
        return linkageName
    }
    let options = DMGL_PARAMS | DMGL_ANSI | DMGL_AUTO | DMGL_RET_DROP
    guard let text = cplus_demangle(linkageName, Int32(options)) else { return linkageName }
    defer { free(text) }
    return String(cString: text)
}

private func isSwift(_ name: Substring) -> Bool {
    ["$s", "$S", "_$s", "_$S", "_T0", "$e"].contains { name.hasPrefix($0) }
}

private func swiftDemangled(_ name: String) -> String? {
    guard let text = swiftRuntimeDemangle(name, UInt(name.utf8.count), nil, nil, 0) else { return nil }
    defer { free(text) }
    return String(cString: text)
}
