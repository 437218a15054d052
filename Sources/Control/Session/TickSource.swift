import CSupport
import Glibc

/// The clock that events are stamped with, as this side can tell it.
final class TickSource {
    /// Nil while the same counter is read here.
    private var foreign: (frequency: UInt64, ticks: UInt64, monotonicNanos: UInt64)?
    /// False until a process of another clock has told its own.
    private(set) var isKnown: Bool

    /// - Parameter isForeign: the program runs on something with a counter of its own.
    init(isForeign: Bool) { isKnown = !isForeign }

    /// Takes what an agent says of its clock: ticks a second, and a moment on it and on CLOCK_MONOTONIC.
    func learn(frequency: UInt64, ticks: UInt64, monotonicNanos: UInt64) {
        guard !isKnown, frequency > 0 else { return }
        foreign = (frequency, ticks, monotonicNanos)
        isKnown = true
    }

    func ticks() -> UInt64 {
        foreign == nil ? nopal_ticks() : ticks(at: nopal_clock_nanos(CLOCK_MONOTONIC))
    }

    private func ticks(at monotonicNanos: UInt64) -> UInt64 {
        guard let foreign else { return 0 }
        let product = (monotonicNanos &- foreign.monotonicNanos).multipliedFullWidth(by: foreign.frequency)
        return foreign.ticks
            &+ UInt64(1_000_000_000).dividingFullWidth((product.high % 1_000_000_000, product.low)).quotient
    }

    /// One moment on three clocks, taken as close together as the scheduler allows.
    func fit() -> (ticks: UInt64, monotonicNanos: UInt64, realtimeNanos: UInt64) {
        if foreign != nil {
            let monotonic = nopal_clock_nanos(CLOCK_MONOTONIC)
            return (ticks(at: monotonic), monotonic, nopal_clock_nanos(CLOCK_REALTIME))
        }
        var best: (span: UInt64, fit: (UInt64, UInt64, UInt64))?
        for _ in 0..<8 {
            let before = nopal_ticks()
            let monotonic = nopal_clock_nanos(CLOCK_MONOTONIC)
            let after = nopal_ticks()
            let realtime = nopal_clock_nanos(CLOCK_REALTIME)
            let span = after &- before
            if best.map({ span < $0.span }) ?? true { best = (span, (before &+ span / 2, monotonic, realtime)) }
        }
        return best?.fit ?? (0, 0, 0)
    }
}
