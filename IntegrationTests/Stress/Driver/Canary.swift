import CSupport
import Control
import Glibc
import Patching
import Programs

/// Ways of patching that are wrong, each of which has to break the hammer: they show that the storm
/// would notice.
enum Canary: String, CaseIterable {
    /// The breakpoint protocol, but heads are written before all cores have seen the tails.
    case breakpointWithoutMiddleSync = "breakpoint-without-middle-sync"
    /// Five stores of a byte, while the code runs.
    case naiveRewrite = "naive-rewrite"
    /// Threads are stopped, but nobody looks where they stand.
    case stoppedWithoutLooking = "stopped-without-looking"

    /// The kind of site that it breaks.
    var variant: String { self == .stoppedWithoutLooking ? "nops" : "nop" }
}

struct CanaryRun {
    let canary: Canary
    let session: Session
    let process: TracedProcess
    let oracle: Oracle

    /// Patches in the wrong way until the hammer is broken; nil when it was not in its time.
    func run(seconds: Double) throws -> UInt64? {
        let control = try session.control(process, LiveOptions())
        guard let module = process.modules.first(where: { !$0.image.sites.isEmpty }) else { return nil }
        let ids = sites(module)
        if let focus = ids.focus { oracle.focus(focus) }
        // The word says `changing` all along: what is recorded does not matter here.
        oracle.set(Array(0..<oracle.functionCount), .changing)
        let live = LiveSites(memory: control.memory)
        let states = live.states(of: module.image, bias: module.bias) { ids.names.contains($0.function.name) } ?? []
        var form = SiteForm.on
        var changes: UInt64 = 0
        let end = nopal_clock_nanos(CLOCK_MONOTONIC) + UInt64(seconds * 1e9)
        while nopal_clock_nanos(CLOCK_MONOTONIC) < end {
            let target: SiteForm = form == .on ? .original : .on
            let list = states.map {
                SiteChange(site: $0.patch, bias: $0.bias, from: form, to: target, stub: $0.stub)
            }
            do { try apply(list, control, module) } catch {
                if !isRunning(oracle.process) { return changes }
                throw error
            }
            changes += UInt64(list.count)
            form = target
            session.poll(timeoutMilliseconds: 0)
            if !isRunning(oracle.process) { return changes }
        }
        return nil
    }

    /// Neighbouring functions with a site that is worth it: one that straddles a line, where that matters.
    private func sites(_ module: LoadedModule) -> (focus: Range<Int>?, names: Set<String>) {
        var straddlers: Set<String> = []
        for site in module.image.sites {
            guard case .traceable(let patch, _, _) = site.verdict else { continue }
            let isWanted = canary == .naiveRewrite || [.line, .page].contains(patch.straddling)
            if isWanted { straddlers.insert(site.function.name) }
        }
        // A thread stands between small NOPs while it waits for the second line, which calls of all functions
        // push out of the caches.
        let own = Set(oracle.range(0).map(oracle.name))
        if canary == .stoppedWithoutLooking { return (nil, straddlers.intersection(own)) }
        // Callees are called as well, so only functions of the table's own count.
        let table = oracle.range(0)
        let best = table.first { straddlers.contains(oracle.name($0)) } ?? table.lowerBound
        let functions = best..<min(best + 1, table.upperBound)
        return (functions, Set(functions.map(oracle.name)))
    }

    private func apply(_ changes: [SiteChange], _ control: LiveControl, _ module: LoadedModule) throws {
        let live = LiveSites(memory: control.memory)
        guard let code = live.code(of: changes.map(\.site), bias: module.bias) else { return }
        var ignored = LiveOutcome(pid: oracle.process, verb: "canary")
        let text = module.pages(module.image.textRanges.first { $0.contains(changes[0].site.address) } ?? 0..<0)
        switch canary {
        case .stoppedWithoutLooking:
            let planner = LivePlanner(environment: control.environment, wanted: .stopped)
            let plans = try planner.plan(changes, in: code).plans
            _ = try StoppedExecutor(memory: control.memory, rewinds: process.rewinds, looksAtThreads: false).run(plans)
        case .breakpointWithoutMiddleSync:
            let planner = LivePlanner(environment: control.environment, wanted: .breakpoint)
            for var plan in try planner.plan(changes, in: code).plans {
                let syncs = plan.steps.indices.filter { plan.steps[$0] == .syncCores }
                if syncs.count == 3 { plan.steps.remove(at: syncs[1]) }
                try control.runByAgent(plan, text, &ignored)
            }
        case .naiveRewrite:
            try control.runByAgent(try naivePlan(changes, code), text, &ignored)
        }
    }

    private func naivePlan(_ changes: [SiteChange], _ code: CodeImage) throws -> Plan {
        var steps: [PlanStep] = [.open]
        for change in changes {
            for (index, byte) in try change.newBytes().enumerated() {
                let address = change.address + UInt64(index)
                guard let old = code.word(at: address, width: 1) else { continue }
                steps.append(.store(address: address, width: 1, value: UInt64(byte), expected: old))
            }
        }
        return Plan(steps: steps + [.syncCores, .close], patchProtocol: .singleStore, siteCount: changes.count)
    }
}
