import Foundation

/// Calls per function as valgrind's callgrind counted them.
struct CallgrindCalls {
    var entries: [String: Int] = [:]

    /// `cfn=NAME` names the callee of the `calls=COUNT ...` line that follows. Recursion levels
    /// (`NAME'2`) are one function; names carry no compression (--compress-strings=no).
    init(_ url: URL) throws {
        var callee = ""
        for line in try String(contentsOf: url, encoding: .utf8).split(separator: "\n") {
            if line.hasPrefix("cfn=") {
                callee = String(line.dropFirst(4).split(separator: "'")[0])
            } else if line.hasPrefix("calls=") {
                let count = Int(line.dropFirst(6).split(separator: " ")[0]) ?? 0
                entries[callee, default: 0] += count
            }
        }
    }
}
