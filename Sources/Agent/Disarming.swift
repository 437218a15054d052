import AgentShims

/// Switches every site off, when the host is gone: one store each, the single store protocol.
enum Disarming {
    static func run() {
        let first = withUnsafeMutablePointer(to: &AgentState.isDisarmed) {
            nopal_exchange32(System.word($0), 1)
        }
        if first != 0 { return }
        let mask = System.blockSignals()
        defer { System.restoreSignals(mask) }
        guard let text = OpenText() else { return }
        for index in 0..<BundleEntry.count where !BundleEntry(index).isGone {
            switchOff(text, BundleEntry(index))
        }
        text.end()
    }

    private static func switchOff(_ text: borrowing OpenText, _ bundle: BundleEntry) {
        for index in 0..<bundle.siteCount {
            let entry = bundle.sites &+ index &* UInt64(Bundle.siteByteCount)
            let site = nopal_load64(entry)
            let on = nopal_load32(entry &+ 8)
            // Its module may be on its way out. The unit that is stored lies within the aligned word.
            let word = site & ~UInt64(Word.byteCount &- 1)
            guard let standing = System.readSafely(word, process: AgentState.process) else { continue }
            let head = UInt32(truncatingIfNeeded: standing >> ((site &- word) &* 8)) & OpenText.mask(on)
            if head == on { text.store(at: site, nopal_load32(entry &+ 12), on: on) }
        }
    }
}
