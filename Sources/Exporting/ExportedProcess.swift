import Reading

/// A process as viewers show it.
struct ExportedProcess {
    var process: UInt32
    /// The executable's file name; of several (exec), the last.
    var name: String
    var commandLine: [String]

    /// Every process of the trace once, those that only threads name included.
    static func all(in trace: Trace) -> [ExportedProcess] {
        var found: [ExportedProcess] = []
        var places: [UInt32: Int] = [:]
        for record in trace.processes where !record.hasEnded {
            let name = record.executable.split(separator: "/").last.map(String.init) ?? record.executable
            if let place = places[record.process] {
                found[place].name = name
            } else {
                places[record.process] = found.count
                let isFirst = found.isEmpty
                found.append(
                    ExportedProcess(
                        process: record.process, name: name,
                        commandLine: isFirst ? trace.session?.commandLine ?? [] : []))
            }
        }
        for thread in trace.threads where places[thread.process] == nil {
            places[thread.process] = found.count
            found.append(ExportedProcess(process: thread.process, name: thread.name, commandLine: []))
        }
        return found
    }
}

extension TraceThread {
    /// The thread's name, or that of its program when the trace does not have it.
    func shownName(in trace: Trace) -> String {
        guard name.isEmpty || name == "?" else { return name }
        let program = ExportedProcess.all(in: trace).first { $0.process == process }?.name ?? ""
        return program.isEmpty ? "thread" : program
    }
}

extension CallEnd {
    /// What the exports say of a call that ended this way.
    var phrase: StaticString {
        switch self {
        case .returned: "returned"
        case .unwound: "unwound"
        case .suspended: "suspended: goes on on another stack"
        case .openAtEnd: "open when the recording ended"
        }
    }
}
