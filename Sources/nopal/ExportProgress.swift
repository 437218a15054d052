import Glibc

/// One line on standard error that tells how far a long piece of work is.
///
/// It shows only on a terminal, only after a second, and at most ten times a second.
final class ExportProgress {
    private static let delayNanos: UInt64 = 1_000_000_000
    private static let intervalNanos: UInt64 = 100_000_000

    private let verb: String
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let startNanos = ExportProgress.nowNanos()
    private var shownNanos: UInt64 = 0

    init(verb: String) { self.verb = verb }

    func show(_ done: Int, of total: Int) {
        guard isTerminal, total > 0 else { return }
        let now = Self.nowNanos()
        guard now - startNanos > Self.delayNanos, now - shownNanos > Self.intervalNanos else { return }
        shownNanos = now
        Self.write("\r\(verb): \(done * 100 / total)% of \(total / 1_000_000) million events\u{1b}[K")
    }

    /// Takes the line away, if it ever showed.
    func clear() {
        if shownNanos > 0 { Self.write("\r\u{1b}[K") }
        shownNanos = 0
    }

    private static func write(_ text: String) {
        var text = text
        text.withUTF8 { bytes in _ = Glibc.write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
    }

    private static func nowNanos() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
