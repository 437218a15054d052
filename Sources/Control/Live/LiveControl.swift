import CSupport
import Glibc
import Globs
import Patching
import Programs
import TraceFormat

/// How sites are to be changed.
public struct LiveOptions: Equatable, Sendable {
    /// Nil for the cheapest sound one.
    public var wanted: PatchProtocol?
    /// Only what a manual guarantees.
    public var isStrict: Bool

    public init(wanted: PatchProtocol? = nil, isStrict: Bool = false) {
        self.wanted = wanted
        self.isStrict = isStrict
    }
}

/// Changes the sites of one running process: reads how they stand, plans, and has the plans run, by
/// the agent's helper or, where threads have to be stopped, by ptrace.
package struct LiveControl {
    let traced: TracedProcess
    package let memory: ProcessMemory
    let session: SessionModules
    package var options: LiveOptions
    /// The helper of the process; it is started if there is none.
    let helper: () throws(LiveError) -> HelperConnection
    /// Serves the session's other connections until one has something to say; false when it ended.
    let pump: (Int32) -> Bool

    var process: pid_t { memory.process }

    /// Changes of the sites of one text range of one module.
    private struct Batch {
        var module: LoadedModule
        var text: Range<UInt64>
        var code: CodeImage
        var changes: [SiteChange]
    }

    /// Brings every site that `selects` picks into a form.
    ///
    /// - Parameters:
    ///   - arms: sites in their original form are armed; else they count as being off.
    ///   - extra, duty: what else is to be done in the one stop.
    package func change(
        to target: SiteForm, verb: String, arms: Bool, extra: [Plan] = [],
        duty: @escaping StoppedExecutor.Duty = { _, _ in },
        where selects: (FunctionSite) -> Bool
    ) throws(LiveError) -> LiveOutcome {
        let begin = nopal_clock_nanos(CLOCK_MONOTONIC)
        var outcome = LiveOutcome(pid: process, verb: verb)
        let live = LiveSites(memory: memory, maps: traced.maps())
        var batches: [Batch] = []
        for module in traced.modules where module.traced != nil {
            guard let (states, code) = live.statesWithCode(of: module.image, bias: module.bias, where: selects) else {
                continue
            }
            outcome.matched += states.count
            let changes = try changes(states, to: target, arms: arms, module, &outcome)
            for range in module.image.textRanges {
                let inside = changes.filter { range.contains($0.site.address) }
                guard !inside.isEmpty else { continue }
                batches.append(Batch(module: module, text: module.pages(range), code: code, changes: inside))
            }
        }
        try run(batches, extra, duty, &outcome)
        outcome.elapsedNanos = nopal_clock_nanos(CLOCK_MONOTONIC) &- begin
        return outcome
    }

    private func changes(
        _ states: [LiveSites.State], to target: SiteForm, arms: Bool, _ module: LoadedModule,
        _ outcome: inout LiveOutcome
    ) throws(LiveError) -> [SiteChange] {
        var changes: [SiteChange] = []
        var unarmed: [LiveSites.State] = []
        for state in states {
            let form = traced.form(of: state)
            switch form {
            case nil: outcome.refuse("other bytes stand there than Nopal's or the file's")
            case target: outcome.already += 1
            case .original where arms: unarmed.append(state)
            case .original: outcome.already += 1
            case .on, .off:
                let stub = state.stub != 0 ? state.stub : traced.waitingStubs[state.address] ?? 0
                var change = SiteChange(
                    site: state.patch, bias: state.bias, from: form ?? target, to: target, stub: stub)
                change.bodyHoles = state.bodyHoles
                changes.append(change)
            }
        }
        guard !unarmed.isEmpty else { return changes }
        let stubs = try self.stubs(for: unarmed, module, &outcome)
        for state in unarmed {
            guard let stub = stubs[state.address] else { continue }
            changes.append(
                SiteChange(site: state.patch, bias: state.bias, from: .original, to: target, stub: stub))
        }
        return changes
    }

    /// The stubs that sites not armed before are to lead to, by the sites' runtime addresses.
    private func stubs(
        for states: [LiveSites.State], _ module: LoadedModule, _ outcome: inout LiveOutcome
    ) throws(LiveError) -> [UInt64: UInt64] {
        guard let traced = module.traced else { return [:] }
        var stubs: [UInt64: UInt64] = [:]
        var missing: [LiveSites.State] = []
        for state in states {
            if let stub = self.traced.waitingStubs[state.address] {
                stubs[state.address] = stub
            } else {
                missing.append(state)
            }
        }
        guard !missing.isEmpty else { return stubs }
        session.extend(traced, with: missing.filter { traced.site(at: $0.patch.address) == nil }.map(\.site))
        let sites = missing.compactMap { traced.site(at: $0.patch.address) }
        if sites.count < missing.count { outcome.refuse("more functions than ids", missing.count - sites.count) }
        var maps = self.traced.maps()
        for (range, sites) in module.byTextRange(sites) {
            do {
                let found = try self.traced.map(sites, module, range, session, &maps, isLive: true) { bundle in
                    try helper().ask(bundle.message, descriptor: bundle.descriptor, for: .mapped, pump: pump).fields[0]
                        == 1
                }
                for (site, stub) in zip(sites, found) {
                    stubs[site.patch.address &+ module.bias] = stub
                    self.traced.keep(stub, of: site.patch, bias: module.bias)
                }
            } catch let error as LiveError {
                throw error
            } catch {
                outcome.refuse("\(error)", sites.count)
            }
        }
        return stubs
    }

    private func run(
        _ batches: [Batch], _ extra: [Plan], _ duty: @escaping StoppedExecutor.Duty, _ outcome: inout LiveOutcome
    ) throws(LiveError) {
        var stopped: [Plan] = []
        let planner = LivePlanner(environment: environment, wanted: options.wanted)
        for batch in batches {
            let decided: LivePlanner.Outcome
            do { decided = try planner.plan(batch.changes, in: batch.code) } catch {
                throw .planFailed(process, what: "\(batch.module.image.path): \(error)")
            }
            for refused in decided.refused { outcome.refuse(refused.reason ?? "no protocol is sound") }
            for (reason, count) in decided.reasons where decided.refused.isEmpty { outcome.explain(reason, count) }
            for plan in decided.plans {
                if plan.patchProtocol == .stopped {
                    stopped.append(plan)
                } else {
                    try runByAgent(plan, batch.text, &outcome)
                }
            }
        }
        if !stopped.isEmpty || !extra.isEmpty { try runStopped(stopped, extra, duty, &outcome) }
    }

    /// What is known of the machine and the process.
    package var environment: PatchEnvironment {
        PatchEnvironment(
            vendor: Processor.vendor, isStrict: options.isStrict,
            hasCoreSync: traced.target == nil ? Processor.hasCoreSync : traced.helper?.hasCoreSync ?? true,
            canStop: traced.target == nil, trapObstacle: options.wanted == .breakpoint ? trapObstacle() : nil)
    }

    /// A breakpoint kills a thread that blocks SIGTRAP. The agent blocks every signal for a moment where it
    /// changes a thread's block, and runs into no breakpoint there: who is seen once without is none of them.
    private func trapObstacle() -> String? {
        let trap: UInt64 = 1 << 4
        var blocking = ThreadStatus.tasks(process).filter { $0 != traced.helper?.thread }
        for attempt in 0..<20 {
            if attempt > 0 { usleep(500) }
            blocking = blocking.filter { thread in
                let status = ThreadStatus.fields("/proc/\(process)/task/\(thread)/status")
                return ThreadStatus.mask(status, "SigBlk") & trap != 0
            }
            if blocking.isEmpty { return nil }
        }
        return "thread \(blocking[0]) blocks SIGTRAP, and a breakpoint would kill it"
    }

    package func runByAgent(_ plan: Plan, _ text: Range<UInt64>, _ outcome: inout LiveOutcome) throws(LiveError) {
        let file: PlanFile
        do { file = try PlanFile(plan, text: text) } catch { throw .planFailed(process, what: "\(error)") }
        defer { close(file.descriptor) }
        let answer = try helper().ask(Packet(.run), descriptor: file.descriptor, for: .ran, pump: pump)
        let result = RunResult(rawValue: answer.fields[0])
        guard result == .done else { throw .planFailed(process, what: Self.sentence(result, answer.fields[4])) }
        outcome.changed += plan.siteCount
        outcome.add(
            plan,
            ExecutionReport(
                stores: Int(clamping: answer.fields[1]), executeNanos: answer.fields[2], stoppedNanos: 0,
                longestSyncNanos: answer.fields[3]))
        traced.longestStallNanos = max(traced.longestStallNanos, answer.fields[3])
    }

    private static func sentence(_ result: RunResult?, _ address: UInt64) -> String {
        switch result {
        case .unexpected: "other bytes than expected stand at 0x\(String(address, radix: 16))"
        case .closedText: "the kernel does not let its code be written (a security module?); --protocol stopped may"
        case .noCoreSync: "the kernel has no membarrier with SYNC_CORE (Linux 4.16); --protocol stopped needs none"
        case .noTraps: "it has a SIGTRAP handler that it set after Nopal's; use another --protocol"
        case .malformed, .done, nil: "the agent does not know this plan; is it of another version of nopal?"
        }
    }

    /// Runs all of them in one stop.
    func runStopped(
        _ plans: [Plan], _ extra: [Plan], _ duty: @escaping StoppedExecutor.Duty, _ outcome: inout LiveOutcome
    ) throws(LiveError) {
        let report = try StoppedExecutor(memory: memory, rewinds: traced.rewinds).run(plans + extra, duty: duty)
        outcome.stoppedNanos = max(outcome.stoppedNanos, report.stoppedNanos)
        traced.longestStallNanos = max(traced.longestStallNanos, report.stoppedNanos)
        for plan in plans {
            outcome.changed += plan.siteCount
            outcome.add(plan, report)
        }
    }
}

extension LiveOutcome {
    mutating func add(_ plan: Plan, _ report: ExecutionReport) {
        plans.append(
            PlanReport(
                protocol: plan.patchProtocol.rawValue, sites: plan.siteCount, steps: plan.steps.count,
                executeNanos: report.executeNanos, stoppedNanos: report.stoppedNanos, syncNanos: report.longestSyncNanos
            ))
    }
}
