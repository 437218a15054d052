import CSupport
import Control
import Glibc
import Patching
import Programs

/// Switches sites at full rate, and tells the oracle before and after.
struct Storm {
    let session: Session
    let process: TracedProcess
    let oracle: Oracle
    /// Also takes sites back to their original bytes, and arms them again.
    let disarms: Bool
    var random: SplitMix

    struct Outcome {
        var toggles: UInt64 = 0
        var plans: [String: Int] = [:]
        var longestStallNanos: UInt64 = 0
        var failure: String?
    }

    /// Ids of the functions that the hammer's own program has sites of, by name.
    private func functions() -> [String: Int] {
        var found: [String: Int] = [:]
        for kind in [0, 1, 3] { for id in oracle.range(kind) { found[oracle.name(id)] = id } }
        return found
    }

    mutating func run(_ wanted: PatchProtocol?, seconds: Double) -> Outcome {
        var outcome = Outcome()
        do { try run(wanted, seconds, &outcome) } catch {
            outcome.failure = isRunning(oracle.process) ? "\(error)" : "the hammer has ended"
        }
        outcome.longestStallNanos = process.longestStallNanos
        return outcome
    }

    private mutating func run(_ wanted: PatchProtocol?, _ seconds: Double, _ outcome: inout Outcome) throws {
        let ids = functions()
        let control = try session.control(process, LiveOptions(wanted: wanted))
        let anyway = try session.control(process, LiveOptions())
        keepStubs()
        let end = nopal_clock_nanos(CLOCK_MONOTONIC) + UInt64(seconds * 1e9)
        while nopal_clock_nanos(CLOCK_MONOTONIC) < end {
            // Every second batch is all of them; the others are chosen anew.
            let share = random.next() % 2 == 0 ? 256 : random.next() % 256
            let seed = random.next()
            let chosen = Set(ids.values.filter { SplitMix.hash(UInt64($0) ^ seed) % 256 < share })
            guard !chosen.isEmpty else { continue }
            let states: [SiteForm] = disarms ? [.on, .off, .original] : [.on, .off]
            let target = states[Int(random.next() % UInt64(states.count))]
            let order = chosen.sorted()
            oracle.set(order, .changing)
            let selects = { (site: FunctionSite) in ids[site.function.name].map(chosen.contains) ?? false }
            var done = try control.change(to: target, verb: "storm", arms: true, where: selects)
            // What the protocol is not sound for is done by one that is.
            if !done.refused.isEmpty { done = try anyway.change(to: target, verb: "storm", arms: true, where: selects) }
            guard done.refused.isEmpty, done.changed + done.already == done.matched, done.matched == order.count else {
                outcome.failure = "a change of \(order.count) sites came to \(done)"
                return
            }
            oracle.set(order, target == .on ? .on : .off)
            outcome.toggles += UInt64(done.changed)
            for plan in done.plans { outcome.plans[plan.protocol, default: 0] += plan.sites }
            session.poll(timeoutMilliseconds: 0)
            guard isRunning(oracle.process) else {
                outcome.failure = "the hammer has ended"
                return
            }
        }
        // All on at the end, as at the start.
        oracle.set(ids.values.sorted(), .changing)
        let last = try anyway.change(to: .on, verb: "storm", arms: true) { ids[$0.function.name] != nil }
        oracle.set(ids.values.sorted(), .on)
        outcome.toggles += UInt64(last.changed)
    }

    /// Sites that go back to their original bytes are led to the same stubs again.
    private func keepStubs() {
        let live = LiveSites(memory: (try? session.control(process, LiveOptions()))!.memory)
        for module in process.modules {
            for state in live.states(of: module.image, bias: module.bias) ?? [] where state.stub != 0 {
                process.waitingStubs[state.address] = state.stub
            }
        }
    }
}

/// A small generator of numbers, the same from the same seed.
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        return Self.hash(state)
    }

    static func hash(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}
