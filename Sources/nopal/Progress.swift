import Dispatch
import Glibc
import Synchronization

/// Says on standard error what takes longer than a second, where that is a terminal.
final class Progress: Sendable {
    private let hasEnded = Mutex(false)

    init(_ what: String) {
        guard isatty(STDERR_FILENO) == 1 else { return }
        let start = monotonicNanos()
        DispatchQueue.global().asyncAfter(deadline: .now() + 1) { [self] in tick(what, start) }
    }

    func end() {
        hasEnded.withLock { ended in
            if !ended && isatty(STDERR_FILENO) == 1 { say("\r\u{1b}[K") }
            ended = true
        }
    }

    private func tick(_ what: String, _ start: UInt64) {
        let goesOn = hasEnded.withLock { ended in
            if !ended { say("\r\(what): \((monotonicNanos() - start) / 1_000_000_000) s") }
            return !ended
        }
        if goesOn { DispatchQueue.global().asyncAfter(deadline: .now() + 1) { [self] in tick(what, start) } }
    }
}

private func say(_ text: String) { _ = text.withCString { write(STDERR_FILENO, $0, strlen($0)) } }

private func monotonicNanos() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
}
