import Reading

/// Callgrind's compressed names: `(7) name` where a name first stands, `(7)` after that.
struct CallgrindNames {
    private let trace: Trace
    private var written: Set<UInt32> = []
    private var objects: [String: Int] = [:]
    private var hasFile = false

    init(trace: Trace) { self.trace = trace }

    mutating func function(_ id: UInt32) -> String {
        guard written.insert(id).inserted else { return "(\(id))" }
        return "(\(id)) " + Self.cleaned(trace.function(id).displayName)
    }

    mutating func object(of id: UInt32) -> String {
        let module = trace.function(id).moduleName
        if let number = objects[module] { return "(\(number))" }
        let number = objects.count + 1
        objects[module] = number
        return "(\(number)) " + (module.isEmpty ? "???" : Self.cleaned(module))
    }

    /// True once: the file is named where it first stands.
    mutating func isFirstFile() -> Bool {
        defer { hasFile = true }
        return !hasFile
    }

    /// A name on one line. A space stands for each control character.
    static func cleaned(_ name: String) -> String {
        String(
            String.UnicodeScalarView(
                name.unicodeScalars.map {
                    $0.value < 0x20 || $0.value == 0x7f ? " " : $0
                }))
    }
}
