import AgentShims

/// Switches every site off, when the host is gone: one byte each, the single store protocol.
enum Disarming {
    static func run() {
        let first = withUnsafeMutablePointer(to: &AgentState.isDisarmed) {
            nopal_exchange32(System.word($0), 1)
        }
        if first != 0 { return }
        let mask = System.blockSignals()
        defer { System.restoreSignals(mask) }
        let readWrite: Int64 = 2
        let path: StaticString = "/proc/self/mem"
        let memory = System.open(UInt64(UInt(bitPattern: path.utf8Start)), flags: readWrite)
        if memory < 0 { return }
        for index in 0..<BundleEntry.count where !BundleEntry(index).isGone {
            switchOff(memory, BundleEntry(index))
        }
        System.close(memory)
    }

    private static func switchOff(_ memory: Int64, _ bundle: BundleEntry) {
        let on: UInt64 = 0xe9
        var off: UInt8 = 0xa9
        for index in 0..<bundle.siteCount {
            let site = nopal_load64(bundle.sites &+ index &* UInt64(Bundle.siteByteCount))
            // Its module may be on its way out.
            guard let head = System.readSafely(site, process: AgentState.process), head & 0xff == on else { continue }
            _ = withUnsafePointer(to: &off) {
                System.writeAt(memory, UInt64(UInt(bitPattern: $0)), 1, offset: site)
            }
        }
    }
}
