import AgentShims

/// What has become of it, as the file of events says.
struct TracedReport {
    private var path = Sentence()
    private var isFound = false

    init(_ maps: TargetMaps) {
        var path = Sentence()
        var isFound = false
        maps.each { mapping in
            guard mapping.ends(with: ".events"), mapping.contains("/nopal.") else { return true }
            for index in 0..<mapping.pathByteCount { path.add(mapping.path[index]) }
            isFound = true
            return false
        }
        self.path = path
        self.isFound = isFound
    }

    func say(process: UInt64) throws(Complaint) {
        typealias Events = StandalonePlan.Events
        if !isFound { throw Complaint("it is traced, but its file of events was not found among its mappings") }
        var path = self.path
        let descriptor = path.withAddress { System.open($0, flags: 0) }
        if descriptor < 0 { return sayElsewhere(process) }
        defer { System.close(descriptor) }
        func count(_ field: Int) -> UInt64 {
            var value: UInt64 = 0
            _ = withUnsafeMutablePointer(to: &value) {
                System.readAt(descriptor, UInt64(UInt(bitPattern: $0)), 8, offset: UInt64(field))
            }
            return value
        }
        var line = Sentence()
        line.add("nopal-attach: ")
        line.add(number: process)
        line.add(": ")
        line.add(number: count(Events.armed))
        line.add(" sites on; events in ")
        path.withAddress { line.add(at: $0) }
        line.say(1)
        say(count(Events.refused), " sites are not on: other bytes than those of the plan's files stand there")
        say(count(Events.roomless), " groups of sites are not on: no room for stubs in a branch's reach")
        say(count(Events.strangers), " modules are not traced: of another build than the plan's")
    }

    /// The process is in another file system namespace, so that the path leads nowhere here.
    private func sayElsewhere(_ process: UInt64) {
        var path = self.path
        var line = Sentence()
        line.add("nopal-attach: ")
        line.add(number: process)
        line.add(": traced; how many sites are on can't be read; events in its ")
        path.withAddress { line.add(at: $0) }
        line.say(1)
    }

    private func say(_ count: UInt64, _ text: StaticString) {
        if count == 0 { return }
        var line = Sentence()
        line.add("nopal-attach: ")
        line.add(number: count)
        line.add(text)
        line.say(2)
    }
}
