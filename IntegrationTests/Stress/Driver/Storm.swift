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
    /// Toggles after which it ends.
    var limit: UInt64

    struct Outcome {
        var toggles: UInt64 = 0
        var plans: [String: Int] = [:]
        var longestStallNanos: UInt64 = 0
        /// From a change's beginning, planning included, to its end.
        var longestChangeNanos: UInt64 = 0
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

    /// A site, and how the storm has left it.
    private struct Target {
        var function: Int
        var site: Site
        var bias: UInt64
        var stub: UInt64
        var bodyHoles: [UInt64]
        var form: SiteForm
    }

    private mutating func run(_ wanted: PatchProtocol?, _ seconds: Double, _ outcome: inout Outcome) throws {
        let control = try session.control(process, LiveOptions(wanted: wanted))
        let live = LiveSites(memory: control.memory, maps: process.maps())
        guard let module = process.modules.first(where: { !$0.image.sites.isEmpty }) else { return }
        var targets = try targets(module, live)
        let end = nopal_clock_nanos(CLOCK_MONOTONIC) + UInt64(seconds * 1e9)
        var batch = 0
        while nopal_clock_nanos(CLOCK_MONOTONIC) < end, outcome.toggles < limit {
            let chosen = choose(from: targets)
            let states: [SiteForm] = disarms && random.next() % 4 == 0 ? [.original, .on] : [.on, .off]
            let target = states[Int(random.next() % 2)]
            try change(chosen, to: target, &targets, control, module, live, &outcome)
            batch += 1
            if batch % 64 == 0 { try check(targets, module, live) }
            session.poll(timeoutMilliseconds: 0)
            guard isRunning(oracle.process) else { throw StormError.ended }
        }
        // All on at the end, as at the start.
        try change(Array(targets.indices), to: .on, &targets, control, module, live, &outcome)
        try check(targets, module, live)
    }

    private func targets(_ module: LoadedModule, _ live: LiveSites) throws -> [Target] {
        let ids = functions()
        let states = live.states(of: module.image, bias: module.bias) { ids[$0.function.name] != nil } ?? []
        guard states.count == ids.count, states.allSatisfy({ $0.form == .on }) else {
            throw StormError.unexpected("\(states.count) of \(ids.count) functions are armed and on at the start")
        }
        return states.map { state in
            Target(
                function: ids[state.site.function.name] ?? 0, site: state.patch, bias: state.bias, stub: state.stub,
                bodyHoles: state.bodyHoles, form: .on)
        }
    }

    /// Every second batch is all of them; the others are chosen anew.
    private mutating func choose(from targets: [Target]) -> [Int] {
        let share = random.next() % 2 == 0 ? 256 : random.next() % 256
        let seed = random.next()
        return targets.indices.filter { SplitMix.hash(UInt64($0) ^ seed) % 256 < share }
    }

    private func change(
        _ chosen: [Int], to form: SiteForm, _ targets: inout [Target], _ control: LiveControl, _ module: LoadedModule,
        _ live: LiveSites, _ outcome: inout Outcome
    ) throws {
        let moving = chosen.filter { targets[$0].form != form }
        guard !moving.isEmpty else { return }
        let functions = moving.map { targets[$0].function }
        let begin = nopal_clock_nanos(CLOCK_MONOTONIC)
        oracle.set(functions, .changing)
        let changes = moving.map { index in
            let target = targets[index]
            var change = SiteChange(
                site: target.site, bias: target.bias, from: target.form, to: form, stub: target.stub)
            change.bodyHoles = target.bodyHoles
            return change
        }
        guard let code = live.codeWithStubs(of: targets.lazy.map(\.site), bias: module.bias) else {
            throw StormError.ended
        }
        let planner = LivePlanner(environment: control.environment, wanted: control.options.wanted)
        let decided = try planner.plan(changes, in: code)
        try run(decided.plans, control, module, &outcome)
        // What the protocol is not sound for is done by one that is.
        let others = decided.refused.map(\.change)
        if !others.isEmpty {
            let now = live.codeWithStubs(of: targets.lazy.map(\.site), bias: module.bias) ?? code
            let second = try LivePlanner(environment: control.environment).plan(others, in: now)
            guard second.refused.isEmpty else {
                throw StormError.unexpected("\(second.refused.count) sites have no protocol")
            }
            try run(second.plans, control, module, &outcome)
        }
        for index in moving { targets[index].form = form }
        oracle.set(functions, form == .on ? .on : .off)
        outcome.toggles += UInt64(moving.count)
        outcome.longestChangeNanos = max(outcome.longestChangeNanos, nopal_clock_nanos(CLOCK_MONOTONIC) &- begin)
    }

    private func run(
        _ plans: [Plan], _ control: LiveControl, _ module: LoadedModule, _ outcome: inout Outcome
    ) throws {
        for plan in plans {
            outcome.plans[plan.patchProtocol.rawValue, default: 0] += plan.siteCount
            if plan.patchProtocol == .stopped {
                let report = try StoppedExecutor(memory: control.memory, rewinds: process.rewinds).run([plan])
                process.longestStallNanos = max(process.longestStallNanos, report.stoppedNanos)
            } else {
                var ignored = LiveOutcome(pid: oracle.process, verb: "storm")
                let text = module.image.textRanges.first { $0.contains(module.image.sites[0].address) } ?? 0..<0
                try control.runByAgent(plan, module.pages(text), &ignored)
            }
        }
    }

    /// Memory has to say what the storm believes.
    private func check(_ targets: [Target], _ module: LoadedModule, _ live: LiveSites) throws {
        guard let code = live.code(of: targets.lazy.map(\.site), bias: module.bias) else { throw StormError.ended }
        for target in targets {
            let form = target.site.form(in: code, bias: target.bias) { $0 == target.stub }
            // On A64 and A32 a NOP is both.
            let isOff =
                form == .original && target.form == .off && target.site.isa != .x86_64 && target.site.isa != .t32
            guard form == target.form || isOff else {
                throw StormError.unexpected(
                    "\(oracle.name(target.function)) is \(form?.rawValue ?? "foreign"), not \(target.form)")
            }
        }
    }
}

enum StormError: Error, CustomStringConvertible {
    case ended
    case unexpected(String)

    var description: String {
        switch self {
        case .ended: "the hammer has ended"
        case .unexpected(let what): what
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
