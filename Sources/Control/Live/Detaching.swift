import CSupport
import Glibc
import Patching
import Programs
import TraceFormat

/// How a process left its session.
public struct DetachOutcome: Codable, Sendable {
    public var pid: Int32
    /// Sites that have their original bytes again.
    public var restored = 0
    /// Arenas that stay, because a call that went through them is still open.
    public var arenasLeft = 0
    public var stoppedNanos: UInt64 = 0
    public var elapsedNanos: UInt64 = 0
    /// What is not as it was; empty when all is.
    public var notes: [String] = []

    enum CodingKeys: String, CodingKey {
        case pid, restored, notes
        case arenasLeft = "arenas_left"
        case stoppedNanos = "stopped_ns"
        case elapsedNanos = "elapsed_ns"
    }
}

/// Takes everything back: every site and hook gets its original bytes in one stop, threads give
/// their blocks back, and the memory goes when no thread can be in it any more.
struct Detaching {
    let control: LiveControl
    let agentPath: String

    private static let attempts = 200

    func run() throws(LiveError) -> DetachOutcome {
        let begin = nopal_clock_nanos(CLOCK_MONOTONIC)
        var outcome = DetachOutcome(pid: control.process)
        let helper = try control.helper()
        let records = ThreadRecords(control.memory, control.traced.agent.state, agentPath: agentPath)
        var waiting: Set<pid_t> = []
        var used: Set<UInt64> = []
        let look = { (process: StoppedProcess, scan: StackScan, only: Set<pid_t>?) in
            waiting = []
            used = []
            for thread in process.threads where thread.thread != helper.thread {
                used.formUnion(records.arenasInUse(thread, scan))
                guard only?.contains(thread.thread) ?? true else { continue }
                if records.isOutside(thread, scan) {
                    records.reset(thread, depthLimit: nil)
                } else {
                    waiting.insert(thread.thread)
                }
            }
        }
        let hooks = presentHooks()
        let changed = try control.change(
            to: .original, verb: "detach", arms: false, extra: hooks,
            duty: { process, scan in
                _ = control.memory.write(control.traced.recordingFlag, [0, 0, 0, 0])
                look(process, scan, nil)
            }, where: { _ in true })
        outcome.restored = changed.changed
        outcome.stoppedNanos = changed.stoppedNanos
        for tally in changed.refused { outcome.notes.append("\(tally.count) sites: \(tally.reason)") }
        // Those that were in the agent are out in a moment: nothing leads into it any more.
        for _ in 0..<Self.attempts where !waiting.isEmpty {
            usleep(2000)
            let process = try StoppedProcess(process: control.process, rewinds: control.traced.rewinds)
            let scan = StackScan(memory: control.memory, maps: (try? ProcessMaps.read(process: control.process)) ?? [])
            look(process, scan, waiting)
            outcome.stoppedNanos = max(outcome.stoppedNanos, process.resume())
        }
        if !waiting.isEmpty {
            outcome.notes.append("\(waiting.count) threads are still in the agent; its memory stays")
        }
        try release(helper, records, used, isQuiet: waiting.isEmpty, &outcome)
        try verify(&outcome)
        outcome.elapsedNanos = nopal_clock_nanos(CLOCK_MONOTONIC) &- begin
        return outcome
    }

    /// The hooks that stand in memory, as plans that take them back.
    private func presentHooks() -> [Plan] { control.presentPlans(control.traced.hookPlans(isRestoring: true)) }

    private func release(
        _ helper: HelperConnection, _ records: ThreadRecords, _ used: Set<UInt64>, isQuiet: Bool,
        _ outcome: inout DetachOutcome
    ) throws(LiveError) {
        for arena in records.arenas {
            guard isQuiet, !used.contains(arena.lowerBound),
                try helper.ask(Packet(.release, [arena.lowerBound]), for: .released, pump: control.pump).fields[0] == 1
            else {
                outcome.arenasLeft += 1
                continue
            }
        }
        // With calls open, a stub may run its exit at any time: it finds that nothing is recorded.
        _ = try helper.ask(Packet(.detach, [isQuiet && used.isEmpty ? 1 : 0]), for: .detached, pump: control.pump)
        helper.connection.send(Packet(.dismiss))
    }

    /// Reads the code once more: it has to be the file's.
    private func verify(_ outcome: inout DetachOutcome) throws(LiveError) {
        let hooks = presentHooks().count
        if hooks > 0 { outcome.notes.append("\(hooks) hooks of libc and the loader are still there") }
        let live = LiveSites(memory: control.memory)
        for module in control.traced.modules {
            let states = live.states(of: module.image, bias: module.bias) ?? []
            let wrong = states.count { $0.form != .original }
            if wrong > 0 { outcome.notes.append("\(wrong) sites of \(module.image.path) are not as its file has them") }
        }
    }
}

extension LiveControl {
    /// The plans whose expected bytes stand in memory.
    func presentPlans(_ plans: [Plan]) -> [Plan] {
        plans.filter { plan in
            plan.steps.allSatisfy { step in
                guard case .store(let address, let width, _, let expected) = step else { return true }
                guard let bytes = memory.read(address, count: width) else { return false }
                return bytes.enumerated().reduce(UInt64(0)) { $0 | UInt64($1.element) << UInt64(8 * $1.offset) }
                    == expected
            }
        }
    }
}
