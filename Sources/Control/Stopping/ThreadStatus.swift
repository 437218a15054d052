import Glibc

/// What the kernel tells of the threads of a process.
enum ThreadStatus {
    /// The fields of a status file by name.
    static func fields(_ path: String) -> [Substring: Substring] {
        guard let text = FileText.read(path) else { return [:] }
        var fields: [Substring: Substring] = [:]
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[line[..<colon]] = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
        }
        return fields
    }

    /// A mask of signals, bit n - 1 for signal n.
    static func mask(_ fields: [Substring: Substring], _ name: Substring) -> UInt64 {
        fields[name].flatMap { UInt64($0, radix: 16) } ?? 0
    }

    static func tasks(_ process: pid_t) -> [pid_t] {
        guard let folder = unsafe opendir("/proc/\(process)/task") else { return [] }
        defer { unsafe closedir(folder) }
        var found: [pid_t] = []
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if let thread = pid_t(name) { found.append(thread) }
        }
        return found
    }

    /// The threads that signals of the process are sent to by name: the first one, and those with children.
    static func addressees(_ process: pid_t) -> Set<pid_t> {
        var found: Set<pid_t> = [process]
        for thread in tasks(process) where FileText.read("/proc/\(process)/task/\(thread)/children") != nil {
            found.insert(thread)
        }
        return found
    }

    /// A thread that has ended and was not taken notice of yet.
    static func isDead(_ process: pid_t, _ thread: pid_t) -> Bool {
        let state = fields("/proc/\(process)/task/\(thread)/status")["State"]?.first
        return state == nil || state == "Z" || state == "X"
    }
}
