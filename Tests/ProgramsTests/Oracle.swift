import Foundation

/// What binutils say about a file.
enum Oracle {
    /// Address by name, of every function symbol (`nm`).
    static func functions(in path: String) throws -> [String: UInt64] {
        var functions: [String: UInt64] = [:]
        for line in try Built.run(["nm", path]).split(separator: "\n") {
            let parts = line.split(separator: " ")
            guard parts.count == 3, ["T", "t", "W", "w", "i"].contains(parts[1]) else { continue }
            functions[String(parts[2])] = UInt64(parts[0], radix: 16)
        }
        return functions
    }
}
